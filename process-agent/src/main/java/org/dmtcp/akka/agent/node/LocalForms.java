package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.dmtcp.akka.agent.engine.HostProcess;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.NameValue;
import org.dmtcp.akka.protocol.ProcessInfo;
import org.dmtcp.akka.protocol.RestartMember;

/**
 * docs/local-protocol.md in Java: what a request holds, and the form of every answer. What is
 * missing or of the wrong kind is an {@link IllegalArgumentException} that names the field.
 */
final class LocalForms {
  private static final long MAX_RESOLVE_MILLIS = 3_600_000;

  private final JsonNode json;

  LocalForms(JsonNode json) {
    this.json = json;
  }

  // ---- requests

  String text(String field) {
    JsonNode value = json.path(field);
    if (!value.isTextual() || value.textValue().isEmpty()) {
      throw new IllegalArgumentException(field + " is not a text");
    }
    return value.textValue();
  }

  private String text(String field, String absent) {
    return json.hasNonNull(field) ? text(field) : absent;
  }

  boolean flag(String field) {
    JsonNode value = json.path(field);
    if (!value.isMissingNode() && !value.isNull() && !value.isBoolean()) {
      throw new IllegalArgumentException(field + " is not true or false");
    }
    return value.asBoolean();
  }

  long number(String field, long least, long most) {
    JsonNode value = json.path(field);
    if (!value.isIntegralNumber() || !value.canConvertToLong()
        || value.longValue() < least || value.longValue() > most) {
      throw new IllegalArgumentException(
          field + " is not a number from " + least + " to " + most);
    }
    return value.longValue();
  }

  int positive(String field) {
    return (int) number(field, 1, Integer.MAX_VALUE);
  }

  Duration interval(String field) {
    return Duration.ofSeconds(number(field, 0, Integer.MAX_VALUE));
  }

  /** The field {@code interval}; absent: the present one stays. */
  Duration optionalInterval() {
    return json.hasNonNull("interval") ? interval("interval") : CoordinatorRequest.UNCHANGED;
  }

  HostProcess process() {
    return new HostProcess(positive("pid"), number("startTicks", 0, Long.MAX_VALUE));
  }

  MemberOptions options() {
    return new MemberOptions(text("checkpointDir"), text("codec", "zstd"), flag("openFiles"),
        flag("allowOverwrite"), json.hasNonNull("signal") ? (int) number("signal", 0, 64) : 0,
        flag("uniqueNames"),
        json.hasNonNull("keep") ? (int) number("keep", 0, MemberOptions.MOST_KEPT) : 0);
  }

  private MemberOptions savedOptions() {
    return MemberOptions.ofBits(text("checkpointDir"), text("codec", "zstd"),
        json.hasNonNull("options") ? number("options", 0, Long.MAX_VALUE) : 0);
  }

  private List<LocalForms> list(String field) {
    JsonNode value = json.path(field);
    if (!(value instanceof ArrayNode) || value.isEmpty()) {
      throw new IllegalArgumentException(field + " is not a list");
    }
    List<LocalForms> forms = new ArrayList<>();
    value.forEach(v -> forms.add(new LocalForms(v)));
    return forms;
  }

  CoordinatorRequest beginRestart(String node, ActorRef<CoordinatorReply> replyTo) {
    String host = text("host", node);
    List<RestartMember> members = list("members").stream().map(m -> new RestartMember(
        m.text("uniquePid"), m.positive("virtualPid"), m.text("program"), host)).toList();
    return new CoordinatorRequest.BeginRestart(node, text("computationId"),
        number("generation", 1, Long.MAX_VALUE), text("manifestId"), positive("total"), members,
        optionalInterval(), replyTo);
  }

  /** Of {@code restart-begin}. */
  List<String> announced() {
    return list("members").stream().map(m -> m.text("uniquePid")).toList();
  }

  CoordinatorRequest.PublishNames publishNames(ActorRef<CoordinatorReply> replyTo) {
    List<NameValue> names =
        list("names").stream().map(n -> new NameValue(n.text("name"), n.text("value"))).toList();
    return new CoordinatorRequest.PublishNames(text("restartId"), names, replyTo);
  }

  CoordinatorRequest.ResolveNames resolveNames(ActorRef<CoordinatorReply> replyTo) {
    List<String> names = new ArrayList<>();
    json.path("names").forEach(name -> names.add(name.asText()));
    return new CoordinatorRequest.ResolveNames(text("restartId"), names,
        Duration.ofMillis(number("timeoutMs", 1, MAX_RESOLVE_MILLIS)), replyTo);
  }

  /** The processes of {@code restart-ready}. */
  List<Member> restarted() {
    return list("processes").stream().map(p -> new Member(p.process(), p.text("uniquePid"),
        p.positive("virtualPid"), 0, p.text("program"), true, p.savedOptions()))
        .toList();
  }

  /** PID 1 of the namespace of {@code restart-ready}; none when there is no new namespace. */
  List<HostProcess> supervisor() {
    return json.hasNonNull("supervisor")
        ? List.of(new LocalForms(json.get("supervisor")).process()) : List.of();
  }

  CoordinatorRequest keyValue(ActorRef<CoordinatorReply> replyTo) {
    return new CoordinatorRequest.AccessKeyValue(text("request"), text("database"), text("key"),
        json.path("value").asText(""), replyTo);
  }

  // ---- answers

  static ObjectNode answer(CoordinatorReply reply) {
    ObjectNode answer = JsonNodeFactory.instance.objectNode();
    if (reply instanceof CoordinatorReply.Registered r) {
      answer.put("computationId", r.computationId()).put("uniquePid", r.uniquePid())
          .put("coordinatorHost", r.coordinatorHost()).put("coordinatorPort", r.coordinatorPort())
          .put("generation", r.generation());
    } else if (reply instanceof CoordinatorReply.Status r) {
      answer.put("host", r.host()).put("address", r.address()).put("port", r.port())
          .put("peers", r.peers()).put("running", r.running())
          .put("interval", r.interval().toSeconds()).put("exitOnLast", r.exitOnLast())
          .put("killAfterCheckpoint", r.killAfterCheckpoint())
          .put("computationId", r.computationId()).put("checkpointDir", r.checkpointDir())
          .put("generation", r.generation()).put("phase", r.phase())
          .put("lastFailure", r.lastFailure());
    } else if (reply instanceof CoordinatorReply.Workers r) {
      workers(answer.putArray("workers"), r);
    } else if (reply instanceof CoordinatorReply.CheckpointStarted r) {
      answer.put("peers", r.peers());
    } else if (reply instanceof CoordinatorReply.CheckpointDone r) {
      answer.put("peers", r.peers()).put("generation", r.generation())
          .put("stoppedMicros", r.stoppedMicros()).put("warning", r.warning());
      ArrayNode images = answer.putArray("images");
      r.images().forEach(images::add);
    } else if (reply instanceof CoordinatorReply.Progress r) {
      answer.put("phase", r.phase()).put("elapsedMillis", r.elapsed().toMillis())
          .put("doneBytes", r.doneBytes()).put("rawBytes", r.rawBytes())
          .put("slowest", r.slowest());
    } else if (reply instanceof CoordinatorReply.Generations r) {
      ArrayNode list = answer.putArray("generations");
      r.generations().forEach(g -> list.addObject().put("computationId", g.computationId())
          .put("generation", g.generation()).put("created", g.created())
          .put("processes", g.processes()).put("bytes", g.bytes()).put("script", g.script())
          .put("complete", g.complete()));
    } else if (reply instanceof CoordinatorReply.IntervalChanged r) {
      answer.put("interval", r.interval().toSeconds());
    } else if (reply instanceof CoordinatorReply.Accepted r) {
      answer.put("peers", r.peers());
    } else if (reply instanceof CoordinatorReply.RestartBegun r) {
      answer.put("restartId", r.restartId());
    } else if (reply instanceof CoordinatorReply.RestartWaiting r) {
      ArrayNode waiting = answer.putArray("waiting");
      r.missing().forEach(waiting::add);
    } else if (reply instanceof CoordinatorReply.NamesResolved r) {
      ArrayNode names = answer.putArray("names");
      r.names().forEach(n -> names.addObject().put("name", n.name()).put("value", n.value()));
      ArrayNode missing = answer.putArray("missing");
      r.missing().forEach(missing::add);
    } else if (reply instanceof CoordinatorReply.KeyValue r) {
      answer.put("response", r.response()).put("value", r.value());
    } else if (reply instanceof CoordinatorReply.BarrierOpened r) {
      answer.put("name", r.name());
    } else if (reply instanceof CoordinatorReply.RestartGo) {
      answer.put("go", true);
    } else {
      throw new IllegalArgumentException("no form for " + reply);
    }
    return answer;
  }

  private static void workers(ArrayNode list, CoordinatorReply.Workers workers) {
    int number = 1;
    for (ProcessInfo w : workers.workers()) {
      list.addObject().put("number", number++).put("program", w.program())
          .put("virtualPid", w.virtualPid()).put("realPid", w.id().realPid())
          .put("host", w.id().host()).put("uniquePid", w.uniquePid())
          .put("state", w.state().name()).put("barrier", workers.barrier());
    }
  }
}
