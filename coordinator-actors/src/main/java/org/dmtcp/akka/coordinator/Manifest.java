package org.dmtcp.akka.coordinator;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
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

  /** Up to so many images every host has the whole manifest: it can name those that it misses. */
  static final int WHOLE = 256;

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

  /** In the order in which they come. */
  Map<String, List<ImageInfo>> imagesByHost() {
    return images.stream().collect(
        Collectors.groupingBy(ImageInfo::host, LinkedHashMap::new, Collectors.toList()));
  }

  /** The images of one host. */
  List<ImageInfo> imagesOf(String host) {
    return images.stream().filter(image -> image.host().equals(host)).toList();
  }

  /** Names of the hosts, in the order in which their images come. */
  List<String> hosts() {
    return images.stream().map(ImageInfo::host).distinct().toList();
  }

  /** The text of the file in the coordinator's directory. */
  public String toJson() {
    return toJson(images);
  }

  /**
   * What lies beside the images of each host. With many images only those of the host: else what is
   * sent, written and read would grow with the square of the hosts.
   */
  Map<String, String> besideImages(Set<String> hosts) {
    Map<String, String> texts = new HashMap<>();
    if (images.size() <= WHOLE) {
      String whole = toJson();
      hosts.forEach(host -> texts.put(host, whole));
      return texts;
    }
    Map<String, List<ImageInfo>> own = imagesByHost();
    hosts.forEach(host -> texts.put(host, toJson(own.getOrDefault(host, List.of()))));
    return texts;
  }

  private String toJson(List<ImageInfo> listed) {
    StringWriter text = new StringWriter();
    try (JsonGenerator out = JSON.getFactory().createGenerator(text)) {
      out.useDefaultPrettyPrinter();
      out.writeStartObject();
      out.writeNumberField("formatVersion", FORMAT_VERSION);
      out.writeStringField("computationId", computationId);
      out.writeNumberField("generation", generation);
      out.writeStringField("manifestId", manifestId);
      out.writeNumberField("members", images.size());
      if (previousGeneration > 0) {
        out.writeObjectFieldStart("previous");
        out.writeNumberField("generation", previousGeneration);
        out.writeStringField("manifestId", previousManifestId);
        out.writeEndObject();
      }
      out.writeStringField("created", created.toString());
      out.writeObjectFieldStart("coordinator");
      out.writeStringField("host", coordinatorHost);
      out.writeNumberField("port", coordinatorPort);
      out.writeEndObject();
      out.writeNumberField("interval", interval);
      out.writeArrayFieldStart("images");
      for (ImageInfo image : listed) {
        write(out, image);
      }
      out.writeEndArray();
      out.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e); // a text in memory can be written
    }
    return text.append('\n').toString();
  }

  private static void write(JsonGenerator out, ImageInfo image) throws IOException {
    out.writeStartObject();
    out.writeStringField("host", image.host());
    out.writeStringField("path", image.path());
    out.writeStringField("uniquePid", image.uniquePid());
    out.writeNumberField("virtualPid", image.virtualPid());
    out.writeNumberField("virtualParent", image.virtualParent());
    out.writeStringField("program", image.program());
    out.writeBooleanField("terminal", image.terminal());
    out.writeNumberField("bytes", image.bytes());
    out.writeNumberField("rawBytes", image.rawBytes());
    out.writeStringField("digest", image.digest());
    out.writeEndObject();
  }

  /** What a round has to know of the generation before it. */
  record Head(long generation, String manifestId) {}

  /**
   * The fields before the list of images, which may be long.
   *
   * @throws IOException the file is missing, no manifest, or a newer version wrote it
   */
  static Head head(Path file) throws IOException {
    long generation = -1;
    String manifestId = null;
    int version = 0;
    try (InputStream in = Files.newInputStream(file);
        JsonParser json = JSON.getFactory().createParser(in)) {
      json.nextToken();
      for (String field = json.nextFieldName(); field != null && !field.equals("images");
          field = json.nextFieldName()) {
        json.nextToken();
        switch (field) {
          case "formatVersion" -> version = json.getValueAsInt();
          case "generation" -> generation = json.getValueAsLong(-1);
          case "manifestId" -> manifestId = json.getValueAsString();
          default -> json.skipChildren();
        }
      }
    } catch (JsonProcessingException e) {
      throw new IOException(file + " is no manifest: " + e.getMessage(), e);
    }
    if (version != FORMAT_VERSION || generation < 0 || manifestId == null) {
      throw new IOException(file + (version == FORMAT_VERSION
          ? " is no manifest: generation or manifestId is missing"
          : " has an unknown format version"));
    }
    return new Head(generation, manifestId);
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
