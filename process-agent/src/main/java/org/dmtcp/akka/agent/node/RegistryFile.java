package org.dmtcp.akka.agent.node;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.dmtcp.akka.agent.engine.HostProcess;

/**
 * What an agent knows of its processes, in a file beside its socket: a new agent adopts them after
 * the end of this one. It need not outlive the host, so it is not synced. All calls block.
 */
final class RegistryFile {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int FORMAT_VERSION = 1;

  /** The content. */
  record Content(String computationId, long generation, Membership membership) {}

  private final Path file;
  private long saved; // highest number that was saved: an older state must not replace a newer one

  /** @param socket of the agent; the file is named after it */
  RegistryFile(Path socket) {
    this.file = socket.resolveSibling(
        socket.getFileName().toString().replaceFirst("\\.sock$", "") + ".registry");
  }

  /**
   * Replaces the file as a whole; without members it goes.
   *
   * @param number of the state, growing
   */
  synchronized void save(long number, Content content) throws IOException {
    if (number <= saved) {
      return;
    }
    saved = number;
    if (content.membership().isEmpty()) {
      Files.deleteIfExists(file);
      return;
    }
    Path temporary = file.resolveSibling(file.getFileName() + ".temp");
    Files.deleteIfExists(temporary);
    Files.createFile(temporary, PosixFilePermissions.asFileAttribute(
        PosixFilePermissions.fromString("rw-------")));
    Files.write(temporary, encode(content).toString().getBytes(StandardCharsets.UTF_8));
    Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
  }

  /** Empty when there is none, or it is not ours to understand: then the processes are found by
   * their environment. */
  Optional<Content> load() throws IOException {
    try {
      JsonNode json = JSON.readTree(Files.readAllBytes(file));
      return json.path("formatVersion").asInt() == FORMAT_VERSION
          ? Optional.of(decode(json)) : Optional.empty();
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IllegalArgumentException e) {
      throw new IOException(file + " is damaged: " + e.getMessage(), e);
    }
  }

  private static ObjectNode encode(Content content) {
    ObjectNode json = JSON.createObjectNode();
    json.put("formatVersion", FORMAT_VERSION)
        .put("computationId", content.computationId())
        .put("generation", content.generation());
    for (HostProcess init : content.membership().namespaceInits()) {
      put(json.withArray("namespaceInits").addObject(), init);
    }
    content.membership().members().forEach(m -> put(json.withArray("members").addObject(), m));
    content.membership().ended().forEach(m -> put(json.withArray("ended").addObject(), m));
    return json;
  }

  private static void put(ObjectNode member, Member m) {
    put(member, m.process());
    member.put("uniquePid", m.uniquePid()).put("virtualPid", m.virtualPid())
        .put("virtualParent", m.virtualParent()).put("program", m.program())
        .put("root", m.root());
    member.putObject("options").put("checkpointDir", m.options().checkpointDir())
        .put("codec", m.options().codec()).put("openFiles", m.options().openFiles())
        .put("allowOverwrite", m.options().allowOverwrite())
        .put("signal", m.options().signal()).put("uniqueNames", m.options().uniqueNames())
        .put("keep", m.options().keep());
  }

  private static Content decode(JsonNode json) {
    List<HostProcess> inits = new ArrayList<>();
    json.path("namespaceInits").forEach(p -> inits.add(process(p)));
    return new Content(json.path("computationId").asText(), json.path("generation").asLong(),
        Membership.of(members(json.path("members")), inits, members(json.path("ended"))));
  }

  private static List<Member> members(JsonNode array) {
    List<Member> members = new ArrayList<>();
    for (JsonNode m : array) {
      JsonNode o = m.path("options");
      members.add(new Member(process(m), m.path("uniquePid").asText(),
          m.path("virtualPid").asInt(), m.path("virtualParent").asInt(),
          m.path("program").asText(), m.path("root").asBoolean(),
          new MemberOptions(o.path("checkpointDir").asText(), o.path("codec").asText(),
              o.path("openFiles").asBoolean(), o.path("allowOverwrite").asBoolean(),
              o.path("signal").asInt(), o.path("uniqueNames").asBoolean(),
              o.path("keep").asInt())));
    }
    return members;
  }

  private static void put(ObjectNode json, HostProcess process) {
    json.put("pid", process.realPid()).put("startTicks", process.startTicks());
  }

  private static HostProcess process(JsonNode json) {
    return new HostProcess(json.path("pid").asInt(), json.path("startTicks").asLong());
  }
}
