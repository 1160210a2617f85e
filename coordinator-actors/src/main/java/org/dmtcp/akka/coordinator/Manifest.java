package org.dmtcp.akka.coordinator;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.dmtcp.akka.protocol.ImageInfo;

/**
 * What belongs to one generation: {@code dmtcp_manifest_<computationId>.json}, described in {@code
 * docs/manifest.md}. Read and written by hand, not by reflection: that costs a slow start.
 *
 * @param previousGeneration 0 when this is the first one
 * @param previousManifestId empty when this is the first one
 * @param interval of automatic checkpoints in seconds, for the restart script
 */
public record Manifest(
    String computationId,
    long generation,
    String manifestId,
    long previousGeneration,
    String previousManifestId,
    Instant created,
    String coordinatorHost,
    int coordinatorPort,
    long interval,
    List<ImageInfo> images) {
  static final int FORMAT_VERSION = 1;

  private static final ObjectMapper JSON = new ObjectMapper();

  public Manifest {
    images = List.copyOf(images);
  }

  /** Name of the file, in the coordinator's checkpoint directory and beside the images. */
  public static String fileName(String computationId) {
    return "dmtcp_manifest_" + computationId + ".json";
  }

  /** Every generation has a directory of its own, whose name tells its number. */
  boolean hasOwnDirectory() {
    String name = String.format("ckpt_%s_%05d", computationId, generation);
    return !images.isEmpty()
        && images.stream().allMatch(i -> Path.of(i.path()).getParent().endsWith(name));
  }

  /** How the coordinator's files of this generation are named. */
  String suffix() {
    return hasOwnDirectory()
        ? String.format("%s_%05d", computationId, generation) : computationId;
  }

  /** The images of one host. */
  List<ImageInfo> imagesOf(String host) {
    return images.stream().filter(image -> image.host().equals(host)).toList();
  }

  /** Names of the hosts, in the order in which their images come. */
  List<String> hosts() {
    return images.stream().map(ImageInfo::host).distinct().toList();
  }

  /** The text of the file. */
  public String toJson() {
    ObjectNode root = JSON.createObjectNode();
    root.put("formatVersion", FORMAT_VERSION)
        .put("computationId", computationId)
        .put("generation", generation)
        .put("manifestId", manifestId)
        .put("members", images.size());
    if (previousGeneration > 0) {
      root.putObject("previous")
          .put("generation", previousGeneration)
          .put("manifestId", previousManifestId);
    }
    root.put("created", created.toString());
    root.putObject("coordinator").put("host", coordinatorHost).put("port", coordinatorPort);
    root.put("interval", interval);
    ArrayNode list = root.putArray("images");
    for (ImageInfo image : images) {
      list.addObject()
          .put("host", image.host())
          .put("path", image.path())
          .put("uniquePid", image.uniquePid())
          .put("virtualPid", image.virtualPid())
          .put("virtualParent", image.virtualParent())
          .put("program", image.program())
          .put("terminal", image.terminal())
          .put("bytes", image.bytes())
          .put("rawBytes", image.rawBytes())
          .put("digest", image.digest());
    }
    try {
      return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e); // a tree of strings and numbers can be written
    }
  }

  /**
   * Reads a manifest.
   *
   * @throws IOException it is none, or a newer version wrote it
   */
  public static Manifest parse(String text, Path origin) throws IOException {
    try {
      JsonNode root = JSON.readTree(text);
      if (root.path("formatVersion").asInt() != FORMAT_VERSION) {
        throw new IOException(origin + " has an unknown format version");
      }
      List<ImageInfo> images = new ArrayList<>();
      for (JsonNode image : root.required("images")) {
        images.add(
            new ImageInfo(
                image.required("host").asText(),
                image.required("path").asText(),
                image.required("uniquePid").asText(),
                image.required("virtualPid").asInt(),
                image.required("virtualParent").asInt(),
                image.required("program").asText(),
                image.required("terminal").asBoolean(),
                image.required("bytes").asLong(),
                image.required("rawBytes").asLong(),
                image.required("digest").asText()));
      }
      Optional<JsonNode> previous = Optional.ofNullable(root.get("previous"));
      JsonNode coordinator = root.required("coordinator");
      return new Manifest(
          root.required("computationId").asText(),
          root.required("generation").asLong(),
          root.required("manifestId").asText(),
          previous.map(p -> p.path("generation").asLong()).orElse(0L),
          previous.map(p -> p.path("manifestId").asText()).orElse(""),
          Instant.parse(root.required("created").asText()),
          coordinator.path("host").asText(),
          coordinator.path("port").asInt(),
          root.path("interval").asLong(),
          images);
    } catch (JsonProcessingException | RuntimeException e) {
      throw new IOException(origin + " is no manifest: " + e.getMessage(), e);
    }
  }
}
