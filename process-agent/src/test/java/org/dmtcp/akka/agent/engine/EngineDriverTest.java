package org.dmtcp.akka.agent.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;

@Timeout(value = 30, threadMode = ThreadMode.SEPARATE_THREAD)
class EngineDriverTest {
  private static final Duration LIMIT = Duration.ofSeconds(5);
  private static final Duration BACKOFF = Duration.ofMillis(100);

  private final ActorTestKit kit = ActorTestKit.create(ManualTime.config());
  private final ManualTime time = ManualTime.get(kit.system());
  private final TestProbe<EngineEvent> events = kit.createTestProbe(EngineEvent.class);
  private final TestProbe<EngineAnswer> answers = kit.createTestProbe(EngineAnswer.class);
  private final BlockingQueue<FakeEngine> started = new LinkedBlockingQueue<>();
  private volatile boolean canStart = true;
  private ActorRef<EngineDriver.Command> driver;

  @BeforeEach
  void spawn() {
    driver = kit.spawn(EngineDriver.create(this::start,
        new EngineDriver.Settings(BACKOFF, Duration.ofSeconds(1)), events.ref()));
    events.expectMessageClass(EngineEvent.Started.class);
  }

  @AfterEach
  void shutDown() {
    kit.shutdownTestKit();
  }

  private EngineChannel start() throws EngineException {
    if (!canStart) {
      throw new EngineException("no such program");
    }
    FakeEngine engine = new FakeEngine();
    started.add(engine);
    return engine;
  }

  private FakeEngine engine() throws InterruptedException {
    FakeEngine engine = started.poll(10, TimeUnit.SECONDS);
    assertNotNull(engine, "an engine is started");
    return engine;
  }

  private EngineRequest ask(String round) {
    EngineRequest request = new EngineRequest.Refill(round);
    driver.tell(new EngineDriver.Submit(request, LIMIT, answers.ref()));
    return request;
  }

  private void assertLost(EngineRequest request) {
    EngineAnswer answer = answers.receiveMessage();
    assertSame(request, answer.request());
    assertEquals(EngineFailure.ENGINE_LOST, answer.failure().id());
  }

  @Test
  void bringsEveryAnswerToWhoAsked() throws Exception {
    FakeEngine engine = engine();
    EngineRequest first = ask("a");
    EngineRequest second = ask("b");
    JsonNode one = engine.expect();
    JsonNode two = engine.expect();
    assertNotEquals(one.get("id"), two.get("id"));
    assertEquals("a", one.get("round").textValue());

    engine.answer(two, FakeEngine.ok());
    engine.answer(one, FakeEngine.error("disk-full", "no room"));
    EngineAnswer toSecond = answers.receiveMessage();
    EngineAnswer toFirst = answers.receiveMessage();
    assertSame(second, toSecond.request());
    assertTrue(toSecond.ok());
    assertSame(first, toFirst.request());
    assertEquals("disk-full", toFirst.failure().id());
  }

  @Test
  void answersOnceWhenTheEngineAnswersTwice() throws Exception {
    FakeEngine engine = engine();
    ask("a");
    JsonNode request = engine.expect();
    engine.answer(request, FakeEngine.ok());
    engine.answer(request, FakeEngine.ok());
    assertTrue(answers.receiveMessage().ok());
    EngineRequest next = ask("b");
    engine.answer(engine.expect(), FakeEngine.ok());
    assertSame(next, answers.receiveMessage().request());
  }

  @Test
  void tellsEverybodyWhoWaitsThatTheEngineEndedAndStartsItAgain() throws Exception {
    FakeEngine engine = engine();
    EngineRequest first = ask("a");
    EngineRequest second = ask("b");
    engine.expect();
    engine.expect();
    engine.end();
    assertLost(first);
    assertLost(second);

    time.timePasses(BACKOFF);
    FakeEngine again = engine();
    events.expectMessageClass(EngineEvent.Started.class);
    ask("c");
    again.answer(again.expect(), FakeEngine.ok());
    assertTrue(answers.receiveMessage().ok());
  }

  /** Of a request that goes through several: each has its own. */
  @Test
  void waitsForEveryPhaseOnlyAsLongAsItMayTake() throws Exception {
    FakeEngine engine = engine();
    EngineRequest request = new EngineRequest.Refill("a");
    driver.tell(new EngineDriver.Submit(request, LIMIT,
        Map.of("drain", LIMIT, "snapshot", LIMIT.multipliedBy(10)), answers.ref()));
    long id = engine.expect().get("id").longValue();
    Duration most = LIMIT.minusMillis(1);
    time.timePasses(most);
    enter(engine, id, "drain");
    time.timePasses(most);
    enter(engine, id, "snapshot");
    time.timePasses(LIMIT.multipliedBy(10).minusMillis(1));
    answers.expectNoMessage();
    enter(engine, id, "drain");
    time.timePasses(LIMIT);
    assertLost(request);
    assertTrue(engine.hasEnded());
  }

  /** The event after it says that the driver has heard it. */
  private void enter(FakeEngine engine, long id, String phase) {
    engine.say("{\"event\":\"phase\",\"request\":" + id + ",\"phase\":\"" + phase + "\"}");
    engine.sayExited(new HostProcess(10, 1000));
    events.expectMessageClass(EngineEvent.Exited.class);
  }

  @Test
  void endsAnEngineThatPassesTheLimit() throws Exception {
    FakeEngine engine = engine();
    EngineRequest request = ask("a");
    engine.expect();
    time.timePasses(LIMIT);
    assertLost(request);
    assertTrue(engine.hasEnded());
    time.timePasses(BACKOFF);
    engine();
  }

  @Test
  void endsAnEngineThatTalksNonsense() throws Exception {
    FakeEngine engine = engine();
    EngineRequest request = ask("a");
    engine.expect();
    engine.say("not json at all");
    assertLost(request);
    assertTrue(engine.hasEnded());
  }

  @Test
  void refusesAtOnceWhileThereIsNoEngine() throws Exception {
    engine().end();
    // The end may be noticed after the first question, which is then lost all the same.
    assertLost(ask("a"));
    assertLost(ask("b"));
  }

  @Test
  void triesAgainWhenTheEngineCannotBeStarted() throws Exception {
    FakeEngine first = engine();
    canStart = false;
    EngineRequest request = ask("a");
    first.end();
    assertLost(request);
    time.timePasses(BACKOFF); // fails
    canStart = true;
    FakeEngine second = null;
    while (second == null) { // how often depends on when the failure was noticed
      time.timePasses(Duration.ofSeconds(1));
      second = started.poll(100, TimeUnit.MILLISECONDS);
    }
    events.expectMessageClass(EngineEvent.Started.class);
  }

  private static EngineRequest.Snapshot snapshot(int i) {
    return new EngineRequest.Snapshot("r", new HostProcess(i + 1, 1), "u", "/i", "zstd", 0, 1,
        false, false, 0, LIMIT);
  }

  @Test
  void handsOverSnapshotsAFewAtATimeAndLetsOthersPass() throws Exception {
    FakeEngine engine = engine();
    for (int i = 0; i < 100; i++) {
      driver.tell(new EngineDriver.Submit(snapshot(i), LIMIT, answers.ref()));
    }
    ask("urgent");
    int before = 0;
    JsonNode request = engine.expect();
    List<JsonNode> held = new ArrayList<>();
    while (request.get("op").asText().equals("snapshot")) {
      held.add(request);
      request = engine.expect();
      before++;
    }
    assertTrue(before < 50, before + " before the urgent one");
    engine.answer(request, FakeEngine.ok());
    answers.receiveMessage();
    for (int i = 0; i < 100; i++) {
      JsonNode next = held.isEmpty() ? engine.expect("snapshot") : held.remove(0);
      assertEquals(i + 1, next.get("pid").asInt());
      engine.answer(next, FakeEngine.ok());
      assertEquals(snapshot(i), answers.receiveMessage().request());
    }
  }

  @Test
  void forgetsWhatAnAbortedRoundStillWaitsFor() throws Exception {
    FakeEngine engine = engine();
    for (int i = 0; i < 100; i++) {
      driver.tell(new EngineDriver.Submit(snapshot(i), LIMIT, answers.ref()));
    }
    EngineRequest abort = new EngineRequest.Abort("r");
    driver.tell(new EngineDriver.Submit(abort, LIMIT, answers.ref()));
    JsonNode request = engine.expect();
    List<JsonNode> atTheEngine = new ArrayList<>();
    while (request.get("op").asText().equals("snapshot")) {
      atTheEngine.add(request);
      request = engine.expect();
    }
    for (int i = atTheEngine.size(); i < 100; i++) {
      assertEquals("round-cancelled", answers.receiveMessage().failure().id());
    }
    engine.answer(request, FakeEngine.ok());
    assertSame(abort, answers.receiveMessage().request());
    for (JsonNode snapshot : atTheEngine) {
      engine.answer(snapshot, FakeEngine.error("internal", "no such round"));
      assertEquals("internal", answers.receiveMessage().failure().id());
    }
    assertFalse(engine.hasEnded());
  }

  @Test
  void answersEverybodyOfALongQueueWhenTheEngineEnds() throws Exception {
    FakeEngine engine = engine();
    for (int i = 0; i < 100; i++) {
      driver.tell(new EngineDriver.Submit(snapshot(i), LIMIT, answers.ref()));
    }
    engine.expect();
    engine.end();
    for (int i = 0; i < 100; i++) {
      assertEquals(EngineFailure.ENGINE_LOST, answers.receiveMessage().failure().id());
    }
    answers.expectNoMessage();
  }

  @Test
  void handsOnWhoHasExited() throws Exception {
    FakeEngine engine = engine();
    engine.sayExited(new HostProcess(12, 345));
    assertEquals(new EngineEvent.Exited(new HostProcess(12, 345)), events.receiveMessage());
  }
}
