package bench;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.Behaviors;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;

/** All processes at once at the key-value store and at a barrier of all hosts. */
final class Publishing {
  private Publishing() {}

  static void measure(Report report, String subject, Rounds simulation, int processes)
      throws Exception {
    report.add("all processes publish a value", "s", subject, together(simulation, processes,
        (i, asker) -> new CoordinatorRequest.AccessKeyValue(
            "set", "places", "rank" + i, "10.0.0.1:" + i, asker),
        r -> r instanceof CoordinatorReply.KeyValue v && v.response().equals("success")));
    report.add("all processes ask for another one's", "s", subject, together(simulation, processes,
        (i, asker) -> new CoordinatorRequest.AccessKeyValue(
            "get", "places", "rank" + (i + 1) % processes, "", asker),
        r -> r instanceof CoordinatorReply.KeyValue v && v.value().startsWith("10.0.0.1:")));
    report.add("all processes at a barrier", "s", subject, together(simulation, processes,
        (i, asker) -> new CoordinatorRequest.EnterBarrier("b", "upid-" + i, processes, asker),
        r -> r instanceof CoordinatorReply.BarrierOpened));
  }

  /** Seconds from the first question to the last answer; every process has an actor of its own. */
  private static double together(Rounds simulation, int processes,
      BiFunction<Integer, ActorRef<CoordinatorReply>, CoordinatorRequest> question,
      Predicate<CoordinatorReply> isGood) throws InterruptedException {
    CountDownLatch answers = new CountDownLatch(processes);
    long start = System.nanoTime();
    for (int i = 0; i < processes; i++) {
      ActorRef<CoordinatorReply> asker = simulation.system().systemActorOf(
          Behaviors.receiveMessage((CoordinatorReply r) -> {
            if (isGood.test(r)) {
              answers.countDown();
            }
            return Behaviors.stopped();
          }), "asker-" + start + "-" + i, Props.empty());
      simulation.coordinator().tell(question.apply(i, asker));
    }
    if (!answers.await(120, TimeUnit.SECONDS)) {
      throw new IllegalStateException(answers.getCount() + " wrong or missing answers");
    }
    return (System.nanoTime() - start) / 1e9;
  }
}
