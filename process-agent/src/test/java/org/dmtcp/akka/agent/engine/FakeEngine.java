package org.dmtcp.akka.agent.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** An engine process that a test plays: it sees the requests and says what it likes. */
public final class FakeEngine implements EngineChannel {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final byte[] END = new byte[0];

  private final BlockingQueue<JsonNode> requests = new LinkedBlockingQueue<>();
  private final BlockingQueue<byte[]> messages = new LinkedBlockingQueue<>();
  private final Function<JsonNode, ObjectNode> behaviour;
  private volatile boolean ended;

  /** An engine that answers nothing by itself. */
  public FakeEngine() {
    this(request -> null);
  }

  /** @param behaviour fields of the answer to a request, or {@code null}: none for now */
  public FakeEngine(Function<JsonNode, ObjectNode> behaviour) {
    this.behaviour = behaviour;
  }

  public static ObjectNode ok() {
    return JSON.createObjectNode().put("ok", true);
  }

  public static ObjectNode error(String id, String text) {
    ObjectNode answer = JSON.createObjectNode().put("ok", false);
    answer.putObject("error").put("id", id).put("text", text);
    return answer;
  }

  @Override
  public void submit(byte[] json) throws EngineException {
    if (ended) {
      throw new EngineException("ended");
    }
    JsonNode request;
    try {
      request = JSON.readTree(json);
    } catch (IOException e) {
      throw new AssertionError("a request that is not JSON", e);
    }
    requests.add(request);
    ObjectNode answer = behaviour.apply(request);
    if (answer != null) {
      answer(request, answer);
    }
  }

  @Override
  public byte[] next(Duration limit) throws EngineException {
    try {
      byte[] message = messages.poll(limit.toMillis(), TimeUnit.MILLISECONDS);
      if (message == END) {
        throw new EngineException("it was ended by the test");
      }
      return message;
    } catch (InterruptedException e) {
      throw new EngineException("interrupted");
    }
  }

  @Override
  public void close() {
    end();
  }

  @Override
  public void kill() {
    end();
  }

  /** The engine process ends. */
  public void end() {
    ended = true;
    messages.add(END);
  }

  public boolean hasEnded() {
    return ended;
  }

  public void answer(JsonNode request, ObjectNode answer) {
    say(answer.deepCopy().set("id", request.get("id")).toString());
  }

  public void say(String text) {
    messages.add(text.getBytes(StandardCharsets.UTF_8));
  }

  public void sayExited(HostProcess process) {
    say(JSON.createObjectNode().put("event", "exited")
        .put("pid", process.realPid()).put("startTicks", process.startTicks()).toString());
  }

  /** The next request, of whatever kind. */
  public JsonNode expect() throws InterruptedException {
    JsonNode request = requests.poll(10, TimeUnit.SECONDS);
    if (request == null) {
      throw new AssertionError("no request in 10 s");
    }
    return request;
  }

  /** The next request with this op; others before it are passed over. */
  public JsonNode expect(String op) throws InterruptedException {
    while (true) {
      JsonNode request = expect();
      if (request.path("op").asText().equals(op)) {
        return request;
      }
    }
  }
}
