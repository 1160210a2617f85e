package org.dmtcp.akka.agent.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * An engine for which every process is frozen, empty and written at once. It speaks the real
 * protocol; its images are headers.
 */
public final class SimulatedEngine implements EngineChannel {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final byte[] END = new byte[0];
  private static final int HEADER_BYTES = 512; // of struct image_header in image.h
  private static final int GENERATION = 40;
  private static final int COMPUTATION_ID = 136;
  private static final int UNIQUE_PID = 200;
  private static final int MANIFEST_ID = 264;

  private final String members;
  private final String endpoints;
  private final BlockingQueue<byte[]> answers = new LinkedBlockingQueue<>();
  private volatile JsonNode freeze;

  /**
   * @param members the JSON array of an answer to scan and freeze
   * @param endpoints the JSON array of an answer to endpoints
   */
  public SimulatedEngine(String members, String endpoints) {
    this.members = members;
    this.endpoints = endpoints;
  }

  @Override
  public void submit(byte[] json) throws EngineException {
    try {
      JsonNode request = JSON.readTree(json);
      String fields = fields(request);
      answers.add(("{\"id\":" + request.get("id") + ",\"ok\":true" + fields + "}")
          .getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new EngineException(e.toString());
    }
  }

  private String fields(JsonNode request) throws IOException {
    switch (request.get("op").asText()) {
      case "scan":
        return ",\"members\":" + members;
      case "stop": // has found others than were expected
      case "freeze":
        freeze = request;
        return ",\"members\":" + members;
      case "endpoints":
        return ",\"endpoints\":" + endpoints;
      case "snapshot":
        writeImage(request);
        return "";
      case "resume":
        return ",\"stoppedMicros\":1000";
      case "write":
        return ",\"bytes\":1000000,\"rawBytes\":3000000,\"digest\":\"" + digest(request) + "\"";
      default:
        return "";
    }
  }

  /** As long as a real one, and different for every image: the manifest has its real size. */
  private static String digest(JsonNode request) {
    long seed = request.get("pid").asLong() * 0x9E3779B97F4A7C15L
        ^ request.get("startTicks").asLong();
    return String.format("%016x%016x", seed, seed * 0xC2B2AE3D27D4EB4FL);
  }

  private void writeImage(JsonNode request) throws IOException {
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    put(header, 0, "DMTCPAK1");
    header.putLong(GENERATION, freeze.get("generation").asLong());
    put(header, COMPUTATION_ID, freeze.get("computationId").asText());
    put(header, UNIQUE_PID, request.get("uniquePid").asText());
    put(header, MANIFEST_ID, freeze.get("manifestId").asText());
    Files.write(Path.of(request.get("image").asText()), header.array());
  }

  private static void put(ByteBuffer header, int offset, String text) {
    header.put(offset, text.getBytes(StandardCharsets.UTF_8));
  }

  @Override
  public byte[] next(Duration limit) throws EngineException {
    try {
      byte[] answer = answers.poll(limit.toMillis(), TimeUnit.MILLISECONDS);
      if (answer == END) {
        throw new EngineException("the simulation is over");
      }
      return answer;
    } catch (InterruptedException e) {
      throw new EngineException("interrupted");
    }
  }

  @Override
  public void close() {
    answers.add(END);
  }

  @Override
  public void kill() {
    close();
  }
}
