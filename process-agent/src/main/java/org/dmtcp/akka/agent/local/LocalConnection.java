package org.dmtcp.akka.agent.local;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/**
 * One client: bytes to lines, lines to requests one after the other, answers back. Used by the
 * server's thread only, except that answers arrive through {@link LocalSocketServer#post}.
 */
final class LocalConnection implements LocalRequest.Sink {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int FIRST_BYTES = 4096;
  /** Progress lines are dropped while this much waits to be read by the client. */
  private static final int PENDING_OUTPUT_BYTES = 1 << 20;

  private final SocketChannel channel;
  private final LocalSocketServer server;
  private final LocalLimits limits;
  private final Consumer<LocalRequest> handler;
  private final Deque<ByteBuffer> output = new ArrayDeque<>();
  private byte[] input = new byte[FIRST_BYTES];
  private int inputBytes;
  private int scannedBytes; // of input, known to hold no newline
  private long outputBytes;
  private LocalRequest current; // being worked on; the next line waits for its answer
  private boolean inputEnded;
  private boolean closing; // after the output has gone
  private long lineSinceNanos; // when the first byte of an incomplete line came
  private long activeNanos = System.nanoTime();
  private SelectionKey key;
  private final AtomicReference<Runnable> onClosed = new AtomicReference<>();
  private volatile boolean closed;

  LocalConnection(SocketChannel channel, LocalSocketServer server, LocalLimits limits,
      Consumer<LocalRequest> handler) {
    this.channel = channel;
    this.server = server;
    this.limits = limits;
    this.handler = handler;
  }

  void attach(SelectionKey key) {
    this.key = key;
  }

  SocketChannel channel() {
    return channel;
  }

  int inputBytes() {
    return inputBytes;
  }

  long activeNanos() {
    return activeNanos;
  }

  boolean idle() {
    return current == null && output.isEmpty();
  }

  boolean lineOverdue(long nowNanos) {
    return current == null && inputBytes > 0
        && nowNanos - lineSinceNanos > limits.lineLimit().toNanos();
  }

  /** Reads what there is. Never more than one longest line ahead of the request in work. */
  void readable() throws IOException {
    activeNanos = System.nanoTime();
    while (inputBytes < limits.restartLineBytes()) {
      if (inputBytes == input.length) {
        input = Arrays.copyOf(input, Math.min(limits.restartLineBytes(), input.length * 2));
      }
      int got = channel.read(ByteBuffer.wrap(input, inputBytes, input.length - inputBytes));
      if (got < 0) {
        inputEnded = true;
        break;
      }
      if (got == 0) {
        break;
      }
      if (inputBytes == 0) {
        lineSinceNanos = activeNanos;
      }
      inputBytes += got;
    }
    if (inputEnded && current != null && current.gone()) {
      throw new IOException("the client has gone");
    }
    advance();
  }

  void writable() throws IOException {
    flush();
    advance();
  }

  /** An answer or a progress line, from whichever thread did the work. */
  @Override
  public void send(ObjectNode line, boolean last) {
    server.post(this, () -> {
      if (!last && outputBytes > PENDING_OUTPUT_BYTES) {
        return;
      }
      enqueue(line);
      if (last) {
        current = null;
        lineSinceNanos = System.nanoTime();
      }
      flush();
      advance();
    });
  }

  void refuseAndClose(String id, String text) throws IOException {
    closing = true;
    current = null;
    inputBytes = 0;
    scannedBytes = 0;
    enqueue(failure(id, text));
    flush();
    advance();
  }

  /** Hands out the next request when the last one is answered and its answer has been read. */
  private void advance() throws IOException {
    while (current == null && output.isEmpty() && !closing) {
      int end = newline();
      if (end < 0) {
        if (inputBytes >= limits.restartLineBytes()) {
          refuseAndClose("bad-request", "the request is longer than "
              + limits.restartLineBytes() + " bytes");
        } else if (inputEnded) {
          closing = true;
        }
        break;
      }
      byte[] line = take(end);
      if (line.length > 0) {
        parse(line);
      }
    }
    if (closing && output.isEmpty()) {
      throw new IOException("done");
    }
    int wanted = output.isEmpty() ? 0 : SelectionKey.OP_WRITE;
    if (!inputEnded && !closing && inputBytes < limits.restartLineBytes()) {
      wanted |= SelectionKey.OP_READ;
    }
    key.interestOps(wanted);
  }

  private int newline() {
    for (int i = scannedBytes; i < inputBytes; i++) {
      if (input[i] == '\n') {
        return i;
      }
    }
    scannedBytes = inputBytes;
    return -1;
  }

  /** Cuts the line that ends before {@code end} off the input. */
  private byte[] take(int end) {
    byte[] line = Arrays.copyOf(input, end);
    inputBytes -= end + 1;
    int room = Math.max(FIRST_BYTES, inputBytes);
    byte[] rest = input.length > 16 * FIRST_BYTES ? new byte[room] : input;
    System.arraycopy(input, end + 1, rest, 0, inputBytes);
    input = rest;
    scannedBytes = 0;
    lineSinceNanos = System.nanoTime();
    return line;
  }

  private void parse(byte[] line) {
    JsonNode json;
    try {
      json = JSON.readTree(line);
    } catch (IOException | StackOverflowError e) {
      enqueueFailure("the request is not JSON");
      return;
    }
    if (!(json instanceof ObjectNode object) || !json.path("op").isTextual()) {
      enqueueFailure("the request is not an object with a text \"op\"");
      return;
    }
    LocalRequest request = new LocalRequest(object, this);
    if (line.length >= limits.lineBytes() && !mayBeLong(request.op())) {
      enqueueFailure("the request is longer than " + limits.lineBytes() + " bytes");
      return;
    }
    current = request;
    handler.accept(request);
  }

  /** Manifests of a restart, and values of the store: 1 MiB, of which JSON may make six. */
  private static boolean mayBeLong(String op) {
    return op.startsWith("restart-") || op.equals("plugin-kv");
  }

  private void enqueueFailure(String text) {
    enqueue(failure("bad-request", text));
    try {
      flush();
    } catch (IOException e) {
      closing = true; // nobody reads: what is queued does not matter
      output.clear();
    }
  }

  private static ObjectNode failure(String id, String text) {
    ObjectNode answer = JSON.createObjectNode();
    answer.put("ok", false);
    answer.putObject("error").put("id", id).put("text", text).put("remedy", "");
    return answer;
  }

  private void enqueue(ObjectNode line) {
    byte[] text = (line.toString() + "\n").getBytes(java.nio.charset.StandardCharsets.UTF_8);
    output.add(ByteBuffer.wrap(text));
    outputBytes += text.length;
  }

  private void flush() throws IOException {
    while (!output.isEmpty()) {
      ByteBuffer next = output.peek();
      outputBytes -= channel.write(next);
      if (next.hasRemaining()) {
        return;
      }
      output.remove();
    }
    activeNanos = System.nanoTime();
  }

  @Override
  public void whenClosed(Runnable action) {
    onClosed.set(action);
    if (closed) {
      runOnClosed();
    }
  }

  private void runOnClosed() {
    Runnable action = onClosed.getAndSet(null);
    if (action != null) {
      action.run();
    }
  }

  /** The connection is over, whoever ended it. */
  void closed() {
    if (current != null) {
      current.gone();
    }
    closed = true;
    runOnClosed();
    try {
      channel.close();
    } catch (IOException e) {
      // nothing of it is ours any more
    }
  }
}
