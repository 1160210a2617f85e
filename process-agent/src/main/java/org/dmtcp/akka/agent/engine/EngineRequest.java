package org.dmtcp.akka.agent.engine;

import java.time.Duration;
import java.util.List;
import org.dmtcp.akka.protocol.ConnectionEnd;

/**
 * What the engine can be asked, request by request as in docs/engine-protocol.md. A limit inside a
 * request is the engine's own; the limit given with {@link EngineDriver.Submit} must be longer.
 */
public sealed interface EngineRequest {
  record Hello() implements EngineRequest {}

  record Watch(HostProcess process) implements EngineRequest {}

  record Unwatch(HostProcess process) implements EngineRequest {}

  /** @param coordinatorPort what marked processes must name; a copy's name another */
  record Scan(String computationId, int coordinatorPort, List<HostProcess> roots,
      List<HostProcess> namespaceInits) implements EngineRequest {
    public Scan {
      roots = List.copyOf(roots);
      namespaceInits = List.copyOf(namespaceInits);
    }
  }

  record Check(List<HostProcess> members, Duration limit) implements EngineRequest {
    public Check {
      members = List.copyOf(members);
    }
  }

  record Freeze(
      String round,
      String computationId,
      int coordinatorPort,
      long generation,
      String manifestId,
      List<HostProcess> roots,
      List<HostProcess> namespaceInits,
      Duration limit)
      implements EngineRequest {
    public Freeze {
      roots = List.copyOf(roots);
      namespaceInits = List.copyOf(namespaceInits);
    }
  }

  /**
   * From the freeze to the resume, if the members are those of {@code images}; else the freeze alone.
   * Their content is written behind the program's back.
   */
  record Stop(Freeze freeze, List<Image> images, Duration drainLimit) implements EngineRequest {
    /** @param program as the name of the image has it */
    public record Image(String program, Snapshot snapshot) {}

    public Stop {
      images = List.copyOf(images);
    }

    /** As a person is to read it: there may be thousands of images. */
    @Override
    public String toString() {
      return "stop of round " + freeze.round();
    }
  }

  record Endpoints(String round) implements EngineRequest {}

  record Match(String round, List<ConnectionEnd> ends) implements EngineRequest {
    /** Of one request: some 200 KB. */
    public static final int MAX_ENDS = 1000;

    public Match {
      ends = List.copyOf(ends);
    }
  }

  /** These threads run on, alone in their processes, until {@link Hold}. */
  record Release(String round, List<EngineHelper> helpers) implements EngineRequest {
    public Release {
      helpers = List.copyOf(helpers);
    }
  }

  record Hold(String round, Duration limit) implements EngineRequest {}

  record Drain(String round, Duration limit) implements EngineRequest {}

  /**
   * @param image path of the temporary file
   * @param codec {@code zstd}, {@code gzip}, {@code lz4} or {@code none}
   * @param level of the codec, 0 for its default
   * @param members processes in the whole generation, on all hosts
   */
  record Snapshot(
      String round,
      HostProcess process,
      String uniquePid,
      String image,
      String codec,
      int level,
      int members,
      boolean openFiles,
      boolean copyOnWrite,
      long options,
      Duration limit)
      implements EngineRequest {}

  record Refill(String round) implements EngineRequest {}

  record Resume(String round) implements EngineRequest {}

  record Write(String round, HostProcess process, Duration limit) implements EngineRequest {}

  record Progress(String round) implements EngineRequest {}

  record Abort(String round) implements EngineRequest {}

  record End(String round) implements EngineRequest {}

  record Exit(String round) implements EngineRequest {}

  record Kill(List<HostProcess> members, int exitStatus) implements EngineRequest {
    public Kill {
      members = List.copyOf(members);
    }
  }
}
