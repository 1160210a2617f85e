package bench;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.Behaviors;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.dmtcp.akka.protocol.AgentId;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.ImageInfo;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.Phase;
import org.dmtcp.akka.protocol.ProcessInfo;
import org.dmtcp.akka.protocol.WorkerState;

/**
 * A host that has done at once whatever is ordered. What a round of such hosts takes is the
 * coordinator's share: real hosts do theirs at the same time, here they would share two processors.
 */
final class InstantHost {
  private static final Duration JOIN_AGAIN = Duration.ofSeconds(1);
  private static final NodeCommand AGAIN = new NodeCommand.ReportProcesses();

  private final String name;
  private final List<ProcessInfo> processes = new ArrayList<>();
  private final List<ImageInfo> images = new ArrayList<>();
  private ActorRef<NodeEvent> round;

  InstantHost(int number, int count) {
    name = "node" + number;
    for (int i = 0; i < count; i++) {
      String uniquePid = String.format("%08x-%d-19aafe1b2c3", name.hashCode(), 1000 + i);
      processes.add(new ProcessInfo(new AgentId(name, 1000 + i, 4711), uniquePid, 1000 + i, 0,
          "simulated", WorkerState.RUNNING));
      images.add(new ImageInfo(name, "/scratch/job/ckpt_simulated_" + uniquePid + ".dmtcp",
          uniquePid, 1000 + i, 0, "simulated", false, 1_000_000, 3_000_000,
          String.format("%016x%016x", i * 0x9E3779B97F4A7C15L, name.hashCode() * 0xC2B2AE3DL)));
    }
  }

  Behavior<NodeCommand> agent(ActorRef<CoordinatorMessage> coordinator, String computation) {
    return Behaviors.setup(context -> Behaviors.withTimers(timers -> {
      NodeEvent.NodeJoined joined = new NodeEvent.NodeJoined(
          name, computation, 0, processes, context.getSelf());
      coordinator.tell(joined);
      timers.startTimerWithFixedDelay(AGAIN, AGAIN, JOIN_AGAIN); // a first word may be lost
      return Behaviors.receiveMessage(m -> {
        if (m == AGAIN) {
          coordinator.tell(joined);
        } else if (m instanceof NodeCommand.Welcome) {
          timers.cancel(AGAIN);
        } else if (m instanceof NodeCommand.LookAround look) {
          coordinator.tell(new NodeEvent.LookedAround(name, look.question()));
        } else {
          obey(m);
        }
        return Behaviors.same();
      });
    }));
  }

  private void obey(NodeCommand command) {
    if (command instanceof NodeCommand.BeginRound m) {
      round = m.replyTo();
      reached(m.plan().roundId(), Phase.PREPARE, 0, List.of());
    } else if (command instanceof NodeCommand.EnterPhase m) {
      reached(m.roundId(), m.phase(), processes.size(),
          m.phase() == Phase.WRITE ? images : List.of());
    } else if (command instanceof NodeCommand.EnterStop m) {
      reached(m.roundId(), Phase.FREEZE, processes.size(), List.of());
    } else if (command instanceof NodeCommand.StageManifest m) {
      reached(m.roundId(), Phase.COMMIT, processes.size(), List.of());
    } else if (command instanceof NodeCommand.CommitRound m) {
      round.tell(new NodeEvent.RoundCommitted(name, m.roundId()));
    }
  }

  private void reached(String roundId, Phase phase, int members, List<ImageInfo> written) {
    round.tell(new NodeEvent.PhaseReached(name, roundId, phase, members, 0, written));
  }
}
