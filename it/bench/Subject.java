package bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A checkpointer under test, with a computation of {@code hold} programs. */
interface Subject extends AutoCloseable {
  String name();

  /** Starts a program under control and returns once it runs. */
  void launch(List<String> command) throws IOException, InterruptedException;

  /** @return seconds from the command to the durable checkpoint; the programs run on */
  double checkpoint() throws IOException, InterruptedException;

  void kill() throws IOException, InterruptedException;

  /** Starts the restart; the caller waits for output. */
  void restart() throws IOException, InterruptedException;

  long imageBytes() throws IOException;

  @Override
  void close() throws IOException, InterruptedException;

  /** DMTCP and what has its commands. */
  final class Dmtcp implements Subject {
    private final String name;
    private final Path bin;
    private final Path directory;
    private final Shell shell;
    private final Process coordinator;
    private final List<Process> started = new ArrayList<>();

    Dmtcp(String name, Path bin, Path directory, boolean compress)
        throws IOException, InterruptedException {
      this.name = name;
      this.bin = bin;
      this.directory = directory;
      Path portFile = directory.resolve("port");
      Files.deleteIfExists(portFile);
      Shell first = new Shell(directory, Map.of("DMTCP_TMPDIR", directory + "/tmp"));
      Files.createDirectories(directory.resolve("tmp"));
      coordinator = first.start(List.of(bin + "/dmtcp_coordinator", "-q", "-q", "--port", "0",
          "--port-file", portFile.toString()));
      Shell.await("coordinator's port file", () -> readOr(portFile, "").length() > 0);
      shell = new Shell(directory, Map.of(
          "DMTCP_TMPDIR", directory + "/tmp", "DMTCP_COORD_HOST", "127.0.0.1",
          "DMTCP_COORD_PORT", Files.readString(portFile).trim(),
          "DMTCP_CHECKPOINT_DIR", directory.toString(), "DMTCP_GZIP", compress ? "1" : "0"));
    }

    @Override
    public String name() {
      return name;
    }

    Shell shell() {
      return shell;
    }

    List<String> launchCommand(List<String> command) {
      List<String> all = new ArrayList<>(List.of(bin + "/dmtcp_launch", "-q", "-q", "--join"));
      all.addAll(command);
      return all;
    }

    List<String> command(String... words) {
      List<String> all = new ArrayList<>(List.of(bin + "/dmtcp_command"));
      all.addAll(List.of(words));
      return all;
    }

    @Override
    public void launch(List<String> command) throws IOException {
      started.add(shell.start(launchCommand(command)));
    }

    @Override
    public double checkpoint() throws IOException, InterruptedException {
      return shell.run(List.of(bin + "/dmtcp_command", "-bc"));
    }

    @Override
    public void kill() throws IOException, InterruptedException {
      shell.run(List.of(bin + "/dmtcp_command", "-k"));
      for (Process process : started) {
        process.waitFor();
      }
      started.clear();
    }

    @Override
    public void restart() throws IOException {
      List<String> command =
          new ArrayList<>(List.of(bin + "/dmtcp_restart", "-q", "-q", "--join"));
      images().forEach(image -> command.add(image.toString()));
      started.add(shell.start(command));
    }

    private List<Path> images() throws IOException {
      try (var files = Files.list(directory)) {
        return files.filter(f -> f.toString().endsWith(".dmtcp")).sorted().toList();
      }
    }

    @Override
    public long imageBytes() throws IOException {
      long bytes = 0;
      for (Path image : images()) {
        bytes += Files.size(image);
      }
      return bytes;
    }

    @Override
    public void close() throws IOException, InterruptedException {
      try {
        shell.run(List.of(bin + "/dmtcp_command", "-q"));
      } finally {
        coordinator.destroy();
        started.forEach(Process::destroyForcibly);
      }
    }
  }

  /** CRIU, as root: one process, its tree below it. */
  final class Criu implements Subject {
    private final Path criu;
    private final Path directory;
    private final Path images;
    private final Shell shell;
    private long realPid;

    Criu(Path criu, Path directory) throws IOException {
      this.criu = criu;
      this.directory = directory;
      this.images = Files.createDirectories(directory.resolve("images"));
      this.shell = new Shell(directory, Map.of());
    }

    @Override
    public String name() {
      return "criu";
    }

    @Override
    public void launch(List<String> command) throws IOException, InterruptedException {
      List<String> all = new ArrayList<>(List.of("setsid", "sh", "-c",
          "\"$@\" </dev/null >/dev/null 2>&1 & echo $! >" + directory + "/pid", "sh"));
      all.addAll(command);
      shell.run(all);
      realPid = Long.parseLong(Files.readString(directory.resolve("pid")).trim());
    }

    @Override
    public double checkpoint() throws IOException, InterruptedException {
      Shell.deleteTree(images);
      Files.createDirectories(images);
      // CRIU does not make its images durable; what we compare against does.
      return shell.run(List.of("sh", "-c", criu + " dump -t " + realPid + " -D " + images
          + " --leave-running -o dump.log && sync -f " + images));
    }

    @Override
    public void kill() throws InterruptedException {
      ProcessHandle.of(realPid).ifPresent(ProcessHandle::destroyForcibly);
      while (Files.exists(Path.of("/proc/" + realPid))) {
        Thread.sleep(1);
      }
    }

    @Override
    public void restart() throws IOException, InterruptedException {
      shell.run(List.of(criu.toString(), "restore", "-D", images.toString(), "-d",
          "-o", "restore.log"));
    }

    @Override
    public long imageBytes() throws IOException {
      long bytes = 0;
      try (var files = Files.list(images)) {
        for (Path file : files.filter(f -> f.toString().endsWith(".img")).toList()) {
          bytes += Files.size(file);
        }
      }
      return bytes;
    }

    @Override
    public void close() throws InterruptedException {
      kill();
    }
  }

  static String readOr(Path file, String other) {
    try {
      return Files.readString(file);
    } catch (IOException notThereYet) {
      return other;
    }
  }
}
