package org.dmtcp.akka.agent.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class EngineCodecTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final HostProcess A = new HostProcess(10, 1000);
  private static final Duration LIMIT = Duration.ofSeconds(3);

  /** @param expected JSON with single quotes */
  private static void assertForm(String expected, EngineRequest request) throws IOException {
    assertEquals(JSON.readTree(expected.replace('\'', '"')),
        JSON.readTree(EngineCodec.encode(7, request)));
  }

  @Test
  void writesEveryRequestAsTheProtocolHasIt() throws Exception {
    assertForm("{'id':7,'op':'hello'}", new EngineRequest.Hello());
    assertForm("{'id':7,'op':'watch','pid':10,'startTicks':1000}", new EngineRequest.Watch(A));
    assertForm("{'id':7,'op':'unwatch','pid':10,'startTicks':1000}", new EngineRequest.Unwatch(A));
    assertForm("{'id':7,'op':'scan','computationId':'c','coordinatorPort':7779,'roots':[{'pid':10,'startTicks':1000}],"
        + "'namespaces':[{'initPid':10,'startTicks':1000}]}",
        new EngineRequest.Scan("c", 7779, List.of(A), List.of(A)));
    assertForm("{'id':7,'op':'check','timeoutMs':3000,'members':[{'pid':10,'startTicks':1000}]}",
        new EngineRequest.Check(List.of(A), LIMIT));
    assertForm("{'id':7,'op':'freeze','round':'r','computationId':'c','coordinatorPort':7779,'generation':2,"
        + "'manifestId':'m','timeoutMs':3000,'roots':[],'namespaces':[]}",
        new EngineRequest.Freeze("r", "c", 7779, 2, "m", List.of(), List.of(), LIMIT));
    assertForm("{'id':7,'op':'stop','round':'r','computationId':'c','coordinatorPort':7779,'generation':2,"
        + "'manifestId':'m','timeoutMs':3000,'roots':[],'namespaces':[],'drainMs':3000,"
        + "'copyOnWrite':true,'images':[{'program':'p','pid':10,'startTicks':1000,'uniquePid':'u',"
        + "'image':'/i','codec':'zstd','level':0,'members':1,'openFiles':true,"
        + "'copyOnWrite':true,'options':5,'timeoutMs':3000}]}",
        new EngineRequest.Stop(
            new EngineRequest.Freeze("r", "c", 7779, 2, "m", List.of(), List.of(), LIMIT),
            List.of(new EngineRequest.Stop.Image("p", new EngineRequest.Snapshot(
                "r", A, "u", "/i", "zstd", 0, 1, true, true, 5, LIMIT))), LIMIT));
    assertForm("{'id':7,'op':'drain','round':'r','timeoutMs':3000}",
        new EngineRequest.Drain("r", LIMIT));
    assertForm("{'id':7,'op':'snapshot','round':'r','pid':10,'startTicks':1000,'uniquePid':'u',"
        + "'image':'/i','codec':'zstd','level':0,'members':3,'openFiles':true,"
        + "'copyOnWrite':false,'options':5,'timeoutMs':3000}",
        new EngineRequest.Snapshot("r", A, "u", "/i", "zstd", 0, 3, true, false, 5, LIMIT));
    assertForm("{'id':7,'op':'refill','round':'r'}", new EngineRequest.Refill("r"));
    assertForm("{'id':7,'op':'resume','round':'r'}", new EngineRequest.Resume("r"));
    assertForm("{'id':7,'op':'write','round':'r','pid':10,'startTicks':1000,'timeoutMs':3000}",
        new EngineRequest.Write("r", A, LIMIT));
    assertForm("{'id':7,'op':'abort','round':'r'}", new EngineRequest.Abort("r"));
    assertForm("{'id':7,'op':'end','round':'r'}", new EngineRequest.End("r"));
    assertForm("{'id':7,'op':'exit','round':'r'}", new EngineRequest.Exit("r"));
    assertForm("{'id':7,'op':'kill','members':[{'pid':10,'startTicks':1000}],'exitStatus':0}",
        new EngineRequest.Kill(List.of(A), 0));
  }

  private static EngineCodec.Message decode(String text) throws IOException {
    return EngineCodec.decode(text.replace('\'', '"').getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void readsAnswersAndEvents() throws Exception {
    EngineCodec.Message.Answer frozen = assertInstanceOf(EngineCodec.Message.Answer.class,
        decode("{'id':3,'ok':true,'members':[{'pid':10,'startTicks':1000,'virtualPid':2,"
            + "'virtualParent':1,'program':'p','threads':4,'zombie':false,'seccomp':true}]}"));
    assertEquals(3, frozen.id());
    assertEquals(List.of(new EngineMember(A, 2, 1, "p", 4, false, true)),
        EngineCodec.members(frozen.body()));
    EngineCodec.Message.Answer failed = (EngineCodec.Message.Answer)
        decode("{'id':4,'ok':false,'error':{'id':'disk-full','text':'why'}}");
    assertEquals(new EngineFailure("disk-full", "why"), failed.failure());
    EngineCodec.Message.Answer stopped = (EngineCodec.Message.Answer)
        decode("{'id':4,'ok':false,'error':{'id':'disk-full','text':'why','phase':'drain'}}");
    assertEquals(new EngineFailure("disk-full", "why", "drain"), stopped.failure());
    assertEquals(new EngineCodec.Message.Exited(A),
        decode("{'event':'exited','pid':10,'startTicks':1000}"));
    assertEquals(new EngineCodec.Message.Fault("x"), decode("{'event':'fault','text':'x'}"));
  }

  @Test
  void refusesWhatIsNoMessage() {
    for (String bad : List.of("", "[]", "{}", "{'id':1}", "{'ok':true}", "{'id':'1','ok':true}",
        "{'event':'new'}", "{'event':'exited'}", "{'event':'exited','pid':0}", "{'id':1,")) {
      assertThrows(IOException.class, () -> decode(bad), bad);
    }
  }

  @Test
  void readsWhatCheckAndWriteAndResumeFound() throws Exception {
    ObjectNode check = (ObjectNode) JSON.readTree(
        "{\"refusals\":[{\"pid\":10,\"errorId\":\"not-supported\",\"text\":\"io_uring\"}]}");
    assertEquals(List.of(new EngineRefusal(10, new EngineFailure("not-supported", "io_uring"))),
        EngineCodec.refusals(check));
    JsonNode write = JSON.readTree("{\"bytes\":5,\"rawBytes\":6,\"digest\":\"d\"}");
    assertEquals(new ImageSummary(5, 6, "d"), EngineCodec.summary((ObjectNode) write));
    assertEquals(Duration.ofMillis(12),
        EngineCodec.stopped(JSON.createObjectNode().put("stoppedMicros", 12_000)));
  }
}
