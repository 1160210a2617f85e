package org.dmtcp.akka.agent.node;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.dmtcp.akka.agent.engine.HostProcess;
import org.dmtcp.akka.protocol.RoundPlan;

/** Members, plans and files with nothing but the header of an image. */
final class TestImages {
  static final String COMPUTATION = "computation-1";

  private TestImages() {}

  static Member member(int virtualPid, Path directory) {
    return new Member(new HostProcess(virtualPid + 1000, 5), "upid-" + virtualPid, virtualPid, 0,
        "prog", true, new MemberOptions(directory.toString(), "zstd", false, false, 0, false, 0));
  }

  static RoundPlan plan(long generation, String manifestId) {
    return new RoundPlan("round-" + generation, COMPUTATION, generation, manifestId, false, false);
  }

  static void write(Path file, String computation, long generation, String manifestId)
      throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(600).order(ByteOrder.LITTLE_ENDIAN);
    bytes.put(0, "DMTCPAK1".getBytes(StandardCharsets.US_ASCII));
    bytes.putLong(40, generation);
    bytes.put(136, computation.getBytes(StandardCharsets.UTF_8));
    bytes.put(200, "upid".getBytes(StandardCharsets.UTF_8));
    bytes.put(264, manifestId.getBytes(StandardCharsets.UTF_8));
    Files.write(file, bytes.array());
  }

  static String manifest(long generation, String manifestId, List<Path> images) {
    StringBuilder list = new StringBuilder();
    for (Path image : images) {
      list.append(list.isEmpty() ? "" : ",").append("{\"host\":\"node\",\"path\":\"")
          .append(image).append("\"}");
    }
    return "{\"generation\":" + generation + ",\"manifestId\":\"" + manifestId
        + "\",\"images\":[" + list + "]}";
  }
}
