package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.dmtcp.akka.config.ErrorTable;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.ProcessInfo;

/** The JSON of {@code docs/local-protocol.md}, of the requests that need no node. */
final class ControlForms {
  private ControlForms() {}

  /** Empty when it is not understood. */
  static Optional<Function<ActorRef<CoordinatorReply>, CoordinatorMessage>> request(
      JsonNode form) {
    return Optional.ofNullable(
        switch (form.path("op").asText()) {
          case "status" -> CoordinatorRequest.GetStatus::new;
          case "list" -> CoordinatorRequest.ListWorkers::new;
          case "kill" -> CoordinatorRequest.Kill::new;
          case "quit" -> CoordinatorRequest.Quit::new;
          case "force" -> CoordinatorRequest.Force::new;
          case "checkpoint" ->
              ref ->
                  new CoordinatorRequest.Checkpoint(
                      form.path("blocking").asBoolean(), form.path("kill").asBoolean(), ref);
          case "interval" ->
              form.path("seconds").canConvertToInt() && form.path("seconds").asInt() >= 0
                  ? ref ->
                      new CoordinatorRequest.SetInterval(
                          Duration.ofSeconds(form.path("seconds").asInt()), ref)
                  : null;
          default -> null;
        });
  }

  static ObjectNode answer(CoordinatorReply reply) {
    ObjectNode out = JsonNodeFactory.instance.objectNode();
    out.put("ok", !(reply instanceof CoordinatorReply.Refused));
    if (reply instanceof CoordinatorReply.Refused r) {
      out.putObject("error")
          .put("id", r.failure().errorId())
          .put("text", r.failure().text())
          .put("remedy", ErrorTable.remedy(r.failure().errorId()));
    } else if (reply instanceof CoordinatorReply.Status s) {
      out.put("host", s.host())
          .put("address", s.address())
          .put("port", s.port())
          .put("peers", s.peers())
          .put("running", s.running())
          .put("interval", s.interval().toSeconds())
          .put("exitOnLast", s.exitOnLast())
          .put("killAfterCheckpoint", s.killAfterCheckpoint())
          .put("computationId", s.computationId())
          .put("checkpointDir", s.checkpointDir())
          .put("generation", s.generation())
          .put("phase", s.phase());
    } else if (reply instanceof CoordinatorReply.Workers w) {
      workers(w, out.putArray("workers"));
    } else if (reply instanceof CoordinatorReply.Accepted a) {
      out.put("peers", a.peers());
    } else if (reply instanceof CoordinatorReply.CheckpointStarted c) {
      out.put("peers", c.peers());
    } else if (reply instanceof CoordinatorReply.CheckpointDone c) {
      out.put("peers", c.peers())
          .put("generation", c.generation())
          .put("stoppedMicros", c.stoppedMicros());
      c.images().forEach(out.putArray("images")::add);
    } else if (reply instanceof CoordinatorReply.IntervalChanged i) {
      out.put("interval", i.interval().toSeconds());
    }
    return out;
  }

  private static void workers(CoordinatorReply.Workers workers, ArrayNode out) {
    List<ProcessInfo> all = workers.workers();
    for (int i = 0; i < all.size(); i++) {
      ProcessInfo p = all.get(i);
      out.addObject()
          .put("number", i + 1)
          .put("program", p.program())
          .put("virtualPid", p.virtualPid())
          .put("realPid", p.id().realPid())
          .put("host", p.id().host())
          .put("uniquePid", p.uniquePid())
          .put("state", p.state().name())
          .put("barrier", workers.barrier());
    }
  }
}
