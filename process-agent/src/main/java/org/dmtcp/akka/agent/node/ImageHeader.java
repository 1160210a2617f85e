package org.dmtcp.akka.agent.node;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * Whose an image file is: the identity fields of {@code struct image_header} in image.h. The header
 * is written last, so a file that has one is complete.
 */
record ImageHeader(long generation, String computationId, String uniquePid, String manifestId) {
  private static final byte[] MAGIC = "DMTCPAK1".getBytes(StandardCharsets.US_ASCII);
  private static final int HEADER_BYTES = 512;
  private static final int GENERATION = 40;
  private static final int COMPUTATION_ID = 136;
  private static final int UNIQUE_PID = 200;
  private static final int MANIFEST_ID = 264;
  private static final int ID_BYTES = 64;
  private static final int MANIFEST_ID_BYTES = 40;

  /** Empty when the file cannot be read or is not a complete image. */
  static Optional<ImageHeader> read(Path file) {
    ByteBuffer bytes = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel in = FileChannel.open(file, StandardOpenOption.READ)) {
      while (bytes.hasRemaining()) {
        if (in.read(bytes) < 0) {
          return Optional.empty();
        }
      }
    } catch (IOException e) {
      return Optional.empty();
    }
    for (int i = 0; i < MAGIC.length; i++) {
      if (bytes.get(i) != MAGIC[i]) {
        return Optional.empty();
      }
    }
    return Optional.of(new ImageHeader(bytes.getLong(GENERATION),
        text(bytes, COMPUTATION_ID, ID_BYTES), text(bytes, UNIQUE_PID, ID_BYTES),
        text(bytes, MANIFEST_ID, MANIFEST_ID_BYTES)));
  }

  private static String text(ByteBuffer bytes, int offset, int length) {
    int end = offset;
    while (end < offset + length && bytes.get(end) != 0) {
      end++;
    }
    return new String(bytes.array(), offset, end - offset, StandardCharsets.UTF_8);
  }
}
