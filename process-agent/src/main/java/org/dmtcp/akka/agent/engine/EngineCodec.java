package org.dmtcp.akka.agent.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.dmtcp.akka.protocol.TcpEndpoint;

/** docs/engine-protocol.md in Java: requests to JSON, answers and events from JSON. */
public final class EngineCodec {
  private static final ObjectMapper JSON = new ObjectMapper();

  private EngineCodec() {}

  /** What came from the engine. */
  sealed interface Message {
    record Answer(long id, ObjectNode body, EngineFailure failure) implements Message {}

    record Exited(HostProcess process) implements Message {}

    record Fault(String text) implements Message {}

    record Phase(long request, String phase) implements Message {}
  }

  static byte[] encode(long id, EngineRequest request) {
    ObjectNode json = JSON.createObjectNode();
    json.put("id", id);
    fill(json, request);
    return json.toString().getBytes(StandardCharsets.UTF_8);
  }

  private static void fill(ObjectNode json, EngineRequest request) {
    if (request instanceof EngineRequest.Hello) {
      json.put("op", "hello");
    } else if (request instanceof EngineRequest.Watch r) {
      put(json.put("op", "watch"), r.process());
    } else if (request instanceof EngineRequest.Unwatch r) {
      put(json.put("op", "unwatch"), r.process());
    } else if (request instanceof EngineRequest.Scan r) {
      json.put("op", "scan").put("computationId", r.computationId())
          .put("coordinatorPort", r.coordinatorPort());
      putSet(json, r.roots(), r.namespaceInits());
    } else if (request instanceof EngineRequest.Check r) {
      json.put("op", "check").put("timeoutMs", millis(r.limit()));
      r.members().forEach(m -> put(json.withArray("members").addObject(), m));
    } else if (request instanceof EngineRequest.Freeze r) {
      put(json.put("op", "freeze"), r);
    } else if (request instanceof EngineRequest.Stop r) {
      put(json.put("op", "stop").put("drainMs", millis(r.drainLimit()))
          .put("copyOnWrite", true), r.freeze());
      ArrayNode images = json.putArray("images");
      r.images().forEach(i -> put(images.addObject().put("program", i.program()), i.snapshot()));
    } else if (request instanceof EngineRequest.Endpoints r) {
      json.put("op", "endpoints").put("round", r.round());
    } else if (request instanceof EngineRequest.Match r) {
      json.put("op", "match").put("round", r.round());
      ArrayNode ends = json.putArray("ends");
      r.ends().forEach(e -> ends.addObject()
          .put("key", e.key()).put("connection", e.connection()).put("acceptor", e.acceptor())
          .put("peerNode", e.peerNode()).put("peerState", e.peerState())
          .put("peerUnsent", e.peerUnsent()).put("peerUnread", e.peerUnread()));
    } else if (request instanceof EngineRequest.Release r) {
      ArrayNode helpers = json.put("op", "release").put("round", r.round()).putArray("helpers");
      r.helpers().forEach(h -> {
        ObjectNode one = helpers.addObject().put("tid", h.tid()).put("area", h.area());
        put(one, h.process());
      });
    } else if (request instanceof EngineRequest.Hold r) {
      json.put("op", "hold").put("round", r.round()).put("timeoutMs", millis(r.limit()));
    } else if (request instanceof EngineRequest.Drain r) {
      json.put("op", "drain").put("round", r.round()).put("timeoutMs", millis(r.limit()));
    } else if (request instanceof EngineRequest.Snapshot r) {
      json.put("op", "snapshot").put("round", r.round());
      put(json, r);
    } else if (request instanceof EngineRequest.Refill r) {
      json.put("op", "refill").put("round", r.round());
    } else if (request instanceof EngineRequest.Resume r) {
      json.put("op", "resume").put("round", r.round());
    } else if (request instanceof EngineRequest.Write r) {
      json.put("op", "write").put("round", r.round()).put("timeoutMs", millis(r.limit()));
      put(json, r.process());
    } else if (request instanceof EngineRequest.Progress r) {
      json.put("op", "progress").put("round", r.round());
    } else if (request instanceof EngineRequest.Abort r) {
      json.put("op", "abort").put("round", r.round());
    } else if (request instanceof EngineRequest.End r) {
      json.put("op", "end").put("round", r.round());
    } else if (request instanceof EngineRequest.Exit r) {
      json.put("op", "exit").put("round", r.round());
    } else if (request instanceof EngineRequest.Kill r) {
      json.put("op", "kill").put("exitStatus", r.exitStatus());
      r.members().forEach(m -> put(json.withArray("members").addObject(), m));
    } else {
      throw new IllegalArgumentException("no form for " + request);
    }
  }

  private static void put(ObjectNode json, HostProcess process) {
    json.put("pid", process.realPid()).put("startTicks", process.startTicks());
  }

  private static void put(ObjectNode json, EngineRequest.Freeze r) {
    json.put("round", r.round()).put("computationId", r.computationId())
        .put("coordinatorPort", r.coordinatorPort()).put("generation", r.generation())
        .put("manifestId", r.manifestId()).put("timeoutMs", millis(r.limit()));
    putSet(json, r.roots(), r.namespaceInits());
  }

  private static void put(ObjectNode json, EngineRequest.Snapshot r) {
    put(json, r.process());
    json.put("uniquePid", r.uniquePid()).put("image", r.image()).put("codec", r.codec())
        .put("level", r.level()).put("members", r.members()).put("openFiles", r.openFiles())
        .put("copyOnWrite", r.copyOnWrite()).put("options", r.options())
        .put("timeoutMs", millis(r.limit()));
  }

  private static void putSet(ObjectNode json, List<HostProcess> roots, List<HostProcess> inits) {
    ArrayNode rootsJson = json.putArray("roots");
    roots.forEach(p -> put(rootsJson.addObject(), p));
    ArrayNode namespaces = json.putArray("namespaces");
    inits.forEach(p -> namespaces.addObject()
        .put("initPid", p.realPid()).put("startTicks", p.startTicks()));
  }

  private static long millis(Duration limit) {
    return Math.max(1, limit.toMillis());
  }

  /** @throws IOException not a message of the protocol: the engine cannot be trusted any more */
  static Message decode(byte[] text) throws IOException {
    JsonNode json = JSON.readTree(text);
    if (!(json instanceof ObjectNode object)) {
      throw new IOException("not an object");
    }
    if (object.has("event")) {
      return switch (object.path("event").asText()) {
        case "exited" -> new Message.Exited(process(object));
        case "fault" -> new Message.Fault(object.path("text").asText());
        case "phase" ->
            new Message.Phase(object.path("request").asLong(), object.path("phase").asText());
        default -> throw new IOException("unknown event " + object.path("event"));
      };
    }
    if (!object.path("id").isIntegralNumber() || !object.path("ok").isBoolean()) {
      throw new IOException("an answer without id or ok");
    }
    long id = object.get("id").longValue();
    if (object.get("ok").booleanValue()) {
      return new Message.Answer(id, object, null);
    }
    JsonNode error = object.path("error");
    return new Message.Answer(id, null,
        new EngineFailure(error.path("id").asText("internal"), error.path("text").asText(),
            error.path("phase").asText()));
  }

  private static HostProcess process(JsonNode json) throws IOException {
    int realPid = json.path("pid").asInt();
    if (realPid <= 0) {
      throw new IOException("a process without a pid: " + json);
    }
    return new HostProcess(realPid, json.path("startTicks").asLong());
  }

  /** The {@code members} of an answer to scan or freeze. */
  public static List<EngineMember> members(ObjectNode body) {
    List<EngineMember> members = new ArrayList<>();
    for (JsonNode m : body.path("members")) {
      members.add(new EngineMember(
          new HostProcess(m.path("pid").asInt(), m.path("startTicks").asLong()),
          m.path("virtualPid").asInt(), m.path("virtualParent").asInt(),
          m.path("program").asText(), m.path("threads").asInt(),
          m.path("zombie").asBoolean(), m.path("seccomp").asBoolean()));
    }
    return List.copyOf(members);
  }

  /** The {@code refusals} of an answer to check. */
  public static List<EngineRefusal> refusals(ObjectNode body) {
    List<EngineRefusal> refusals = new ArrayList<>();
    for (JsonNode r : body.path("refusals")) {
      refusals.add(new EngineRefusal(r.path("pid").asInt(),
          new EngineFailure(r.path("errorId").asText("not-supported"), r.path("text").asText())));
    }
    return List.copyOf(refusals);
  }

  /** The answer to endpoints. */
  public static List<TcpEndpoint> endpoints(ObjectNode body) {
    List<TcpEndpoint> endpoints = new ArrayList<>();
    for (JsonNode e : body.path("endpoints")) {
      endpoints.add(new TcpEndpoint(e.path("key").asText(), e.path("network").asText(),
          e.path("waiting").asBoolean(), e.path("state").asInt(),
          e.path("localAddress").asText(), e.path("localPort").asInt(),
          e.path("remoteAddress").asText(), e.path("remotePort").asInt(),
          e.path("unsent").asLong(), e.path("unread").asLong()));
    }
    return List.copyOf(endpoints);
  }

  /** The answer to write. */
  public static ImageSummary summary(ObjectNode body) {
    return new ImageSummary(body.path("bytes").asLong(), body.path("rawBytes").asLong(),
        body.path("digest").asText());
  }

  /** Of the answer to stop: all is done. Else only the freeze is. */
  public static boolean hasResumed(ObjectNode body) {
    return body.path("reached").asText().equals("resume");
  }

  /** The answer to resume, or to stop. */
  public static Duration stopped(ObjectNode body) {
    return Duration.ofNanos(body.path("stoppedMicros").asLong() * 1000);
  }
}
