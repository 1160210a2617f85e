package org.dmtcp.akka.agent.local;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import jdk.net.ExtendedSocketOptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The Unix socket by which the commands of this host reach their coordinator or agent
 * (docs/local-protocol.md). One thread serves all clients; the handler is called on it and must not
 * block; answers may come from any thread.
 */
public final class LocalSocketServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(LocalSocketServer.class);
  private static final Duration TICK = Duration.ofSeconds(1);

  /** Work of the server's thread for one client; what it throws ends the connection. */
  interface Task {
    void run() throws IOException;
  }

  private record Posted(LocalConnection connection, Task task) {}

  private final SocketClaim claim;
  private final ServerSocketChannel listener;
  private final Selector selector;
  private final SelectionKey acceptKey;
  private final UserPrincipal owner;
  private final LocalLimits limits;
  private final Consumer<LocalRequest> handler;
  private final Queue<Posted> posted = new ConcurrentLinkedQueue<>();
  private final Set<LocalConnection> connections = new HashSet<>();
  private final Thread thread;
  private volatile boolean closed;

  /**
   * Listens at {@code socket}. Its directory is made if need be (0700).
   *
   * @throws SocketInUseException a live coordinator or agent serves it
   * @throws IOException the directory is not ours alone, or the socket cannot be made
   */
  public static LocalSocketServer open(
      Path socket, LocalLimits limits, Consumer<LocalRequest> handler) throws IOException {
    SocketClaim claim = SocketClaim.take(socket);
    try {
      return new LocalSocketServer(claim, limits, handler);
    } catch (IOException | RuntimeException e) {
      claim.close();
      throw e;
    }
  }

  private LocalSocketServer(SocketClaim claim, LocalLimits limits, Consumer<LocalRequest> handler)
      throws IOException {
    this.claim = claim;
    this.limits = limits;
    this.handler = handler;
    this.owner = Files.getOwner(claim.lockFile()); // we have just made or opened it as ourselves
    this.selector = Selector.open();
    this.listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      listener.bind(UnixDomainSocketAddress.of(claim.socket()), 128);
      listener.configureBlocking(false);
      acceptKey = listener.register(selector, SelectionKey.OP_ACCEPT);
    } catch (IOException e) {
      listener.close();
      selector.close();
      throw e;
    }
    thread = new Thread(this::serve, "local-socket");
    thread.setDaemon(true);
    thread.start();
  }

  public Path path() {
    return claim.socket();
  }

  /**
   * Stops listening, closes every connection (waiting requests are told) and removes the socket.
   * Waits a moment for that, so that another server can take over at once.
   */
  @Override
  public void close() {
    closed = true;
    selector.wakeup();
    try {
      if (Thread.currentThread() != thread) {
        thread.join(TICK.toMillis());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Runs {@code task} on the server's thread; a failure ends the connection. */
  void post(LocalConnection connection, Task task) {
    posted.add(new Posted(connection, task));
    if (Thread.currentThread() != thread) {
      selector.wakeup();
    }
  }

  private void serve() {
    try {
      while (!closed) {
        selector.select(posted.isEmpty() ? TICK.toMillis() : 1);
        runPosted();
        for (SelectionKey key : selector.selectedKeys()) {
          serve(key);
        }
        selector.selectedKeys().clear();
        runPosted();
        housekeeping();
      }
    } catch (IOException | ClosedSelectorException e) {
      log.error("local socket {}: {}", claim.socket(), e.toString());
    } finally {
      shutDown();
    }
  }

  private void serve(SelectionKey key) {
    if (!key.isValid()) {
      return;
    }
    if (key == acceptKey) {
      accept();
      return;
    }
    LocalConnection connection = (LocalConnection) key.attachment();
    guarded(connection, () -> {
      if (key.isWritable()) {
        connection.writable();
      }
      if (key.isValid() && key.isReadable()) {
        connection.readable();
      }
    });
  }

  private void runPosted() {
    for (Posted next = posted.poll(); next != null; next = posted.poll()) {
      if (connections.contains(next.connection())) {
        guarded(next.connection(), next.task());
      }
    }
  }

  /** A fault in one client's request must not end the others' service. */
  private void guarded(LocalConnection connection, Task task) {
    try {
      task.run();
    } catch (IOException e) {
      drop(connection);
    } catch (RuntimeException e) {
      log.error("local request", e);
      drop(connection);
    }
  }

  private void drop(LocalConnection connection) {
    connections.remove(connection);
    connection.closed();
  }

  private void accept() {
    SocketChannel channel = null;
    try {
      channel = listener.accept();
      if (channel == null) {
        return;
      }
      UserPrincipal peer = channel.getOption(ExtendedSocketOptions.SO_PEERCRED).user();
      if (!peer.equals(owner)) {
        log.warn("local socket: refused user {}", peer.getName());
        channel.close();
        return;
      }
      makeRoom();
      channel.configureBlocking(false);
      LocalConnection connection = new LocalConnection(channel, this, limits, handler);
      connection.attach(channel.register(selector, SelectionKey.OP_READ, connection));
      connections.add(connection);
    } catch (IOException e) {
      log.warn("local socket: a client was not accepted: {}", e.getMessage());
      acceptKey.interestOps(0); // out of descriptors, say: again at the next tick
      close(channel);
    }
  }

  private static void close(SocketChannel channel) {
    try {
      if (channel != null) {
        channel.close();
      }
    } catch (IOException e) {
      log.debug("closing a client that was not accepted: {}", e.getMessage());
    }
  }

  private void makeRoom() {
    if (connections.size() >= limits.connections()) {
      connections.stream().filter(LocalConnection::idle)
          .min(Comparator.comparingLong(LocalConnection::activeNanos))
          .or(() -> connections.stream().findAny())
          .ifPresent(this::drop);
    }
  }

  private void housekeeping() {
    long now = System.nanoTime();
    long inputBytes = 0;
    for (LocalConnection c : new ArrayList<>(connections)) {
      inputBytes += c.inputBytes();
      if (c.lineOverdue(now) || inputBytes > limits.totalInputBytes()) {
        inputBytes -= c.inputBytes();
        guarded(c, () -> c.refuseAndClose("bad-request", "the request did not end in time"));
      }
    }
    if (acceptKey.isValid() && acceptKey.interestOps() == 0) {
      acceptKey.interestOps(SelectionKey.OP_ACCEPT);
    }
  }

  private void shutDown() {
    runPosted(); // answers that were given before the close
    for (LocalConnection c : new ArrayList<>(connections)) {
      drop(c);
    }
    try {
      listener.close();
      selector.close();
    } catch (IOException e) {
      log.warn("local socket {}: {}", claim.socket(), e.getMessage());
    }
    claim.close();
  }
}
