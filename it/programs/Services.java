// program: a Java virtual machine with the VARIANT collector: threads, NIO, HTTP, garbage
// run: sh -c javac -d . Services.java && exec java -Xmx128m -XX:+UseVARIANTGC Services
// needs: java javac
// variants: Serial; Parallel; G1; Z
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

public final class Services {
  private static String sha(String text) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes()));
  }

  private static void check(String what, Object got, Object want) {
    if (!want.equals(got)) {
      System.out.println("bad: " + what + ": " + got + " instead of " + want);
      Runtime.getRuntime().halt(1);
    }
  }

  /** Echoes what any of its clients writes: one selector, no blocking. */
  private static void echo(Selector selector) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(4096);
    try {
      while (true) {
        selector.select();
        for (var keys = selector.selectedKeys().iterator(); keys.hasNext(); keys.remove()) {
          SelectionKey key = keys.next();
          if (key.isAcceptable()) {
            SocketChannel peer = ((ServerSocketChannel) key.channel()).accept();
            peer.configureBlocking(false).register(selector, SelectionKey.OP_READ);
          } else {
            SocketChannel peer = (SocketChannel) key.channel();
            buffer.clear();
            if (peer.read(buffer) < 0) {
              peer.close();
              continue;
            }
            buffer.flip();
            while (buffer.hasRemaining()) {
              peer.write(buffer);
            }
          }
        }
      }
    } catch (IOException e) {
      check("selector", e.toString(), "no exception");
    }
  }

  public static void main(String[] arguments) throws Exception {
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    HttpServer server = HttpServer.create(any, 0);
    server.setExecutor(Executors.newFixedThreadPool(3, Services::daemon));
    server.createContext("/", exchange -> {
      byte[] answer = String.valueOf(exchange.getRequestURI().getPath().length()).getBytes();
      exchange.sendResponseHeaders(200, answer.length);
      exchange.getResponseBody().write(answer);
      exchange.close();
    });
    server.start();
    HttpClient client = HttpClient.newHttpClient();

    Selector selector = Selector.open();
    ServerSocketChannel listener = ServerSocketChannel.open().bind(any);
    listener.configureBlocking(false).register(selector, SelectionKey.OP_ACCEPT);
    daemon(() -> echo(selector)).start();
    SocketChannel channel = SocketChannel.open(listener.getLocalAddress());

    ExecutorService pool = Executors.newFixedThreadPool(8, Services::daemon);
    ConcurrentHashMap<Integer, String> kept = new ConcurrentHashMap<>();
    for (int n = 0; !Files.exists(Path.of("finish")); ) {
      URI uri = URI.create("http://localhost:" + server.getAddress().getPort() + "/" + "x".repeat(n));
      HttpResponse<String> response =
          client.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString());
      check("http", response.body(), String.valueOf(n + 1));
      ByteBuffer line = ByteBuffer.allocate(8).putLong(0, n);
      channel.write(line);
      line.clear();
      while (line.hasRemaining() && channel.read(line) >= 0) {}
      check("channel", line.getLong(0), (long) n);
      List<Future<?>> futures = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        int k = n * 16 + i;
        futures.add(pool.submit(() -> kept.put(k % 5000, k % 5000 + sha(k + "y".repeat(2000)))));
      }
      for (Future<?> future : futures) {
        future.get();
      }
      byte[][] garbage = new byte[64][];
      for (int i = 0; i < garbage.length; i++) {
        garbage[i] = new byte[64 << 10];
        garbage[i][n % 1000] = (byte) i;
      }
      check("array", (int) garbage[63][n % 1000], 63);
      Thread.sleep(20);
      System.out.println("tick " + ++n);
    }
    kept.forEach((k, text) -> check("kept", text.startsWith(String.valueOf(k)), true));
    System.out.println("ok");
    System.exit(3);
  }

  private static Thread daemon(Runnable work) {
    Thread thread = new Thread(work);
    thread.setDaemon(true);
    return thread;
  }
}
