package bench;

import com.typesafe.config.Config;
import java.util.Map;
import org.dmtcp.akka.config.JvmConfig;
import org.dmtcp.akka.coordinator.Gathering;
import org.dmtcp.akka.coordinator.Matching;

/** What the coordinator does alone with what all hosts have told it. */
final class Together {
  private static final int TIMES = 5;

  private Together() {}

  static void measure(Report report, String subject, int nodes, int processes, int connections)
      throws Exception {
    Config config = JvmConfig.load(Map.of("akka.actor.provider", "local"));
    Matching matching = new Matching(nodes, connections);
    matching.matchSeconds(); // warms up
    for (int i = 0; i < TIMES; i++) {
      report.add(connections + " connections matched", "s", subject, matching.matchSeconds());
      report.add(connections + " connections met at a restart", "s", subject,
          matching.meetSeconds(config));
      report.add("restart: all hosts gathered", "s", subject,
          Gathering.seconds(nodes, processes, config));
    }
  }
}
