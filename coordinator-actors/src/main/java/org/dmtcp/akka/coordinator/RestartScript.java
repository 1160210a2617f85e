package org.dmtcp.akka.coordinator;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Map;
import java.util.Locale;
import java.util.stream.Collectors;
import org.dmtcp.akka.protocol.ImageInfo;

/**
 * The text of {@code dmtcp_restart_script_<computationId>.sh}: the variable part on top, which a
 * person may edit, then {@code restart_script.sh} of our resources as it is.
 *
 * @param restartCommand absolute path of {@code dmtcp_restart}
 */
public record RestartScript(String restartCommand) {
  private static final DateTimeFormatter TIMESTAMP =
      DateTimeFormatter.ofPattern("EEE MMM d HH:mm:ss yyyy", Locale.ROOT)
          .withZone(ZoneId.systemDefault());

  /** The script for one generation. */
  public String text(Manifest manifest) {
    StringBuilder out = new StringBuilder();
    Map<String, List<ImageInfo>> byHost = manifest.imagesByHost();
    List<String> hosts = List.copyOf(byHost.keySet());
    out.append(
        """
        #!/bin/bash
        # Restarts generation %d of computation %s: %d process(es) of %d host(s).

        # ---- Hosts. A line each: where the images were written, where to restart them now.
        # Change the second name to move those processes; two lines may name the same host.
        host_table='
        """
            .formatted(
                manifest.generation(),
                manifest.computationId(),
                manifest.images().size(),
                hosts.size()));
    hosts.forEach(host -> out.append(host).append("  ").append(host).append('\n'));
    out.append("'\n");
    out.append("# Whose processes get this terminal: a name of the first column.\n");
    out.append("terminal_host=").append(quote(terminalHost(manifest))).append("\n\n");
    for (int i = 0; i < hosts.size(); i++) {
      out.append("# Images of ").append(hosts.get(i)).append(".\n");
      out.append("images_").append(i + 1).append("=(\n");
      for (ImageInfo image : byHost.get(hosts.get(i))) {
        out.append("  ").append(quote(image.path())).append('\n');
      }
      out.append(")\n\n");
    }
    out.append("image_hosts=(");
    hosts.forEach(host -> out.append(' ').append(quote(host)));
    out.append(" )\n");
    // In the very form that scripts look for.
    out.append("ckpt_timestamp=\"").append(TIMESTAMP.format(manifest.created())).append("\"\n");
    assign(out, "default_coord_host", manifest.coordinatorHost());
    assign(out, "default_coord_port", String.valueOf(manifest.coordinatorPort()));
    assign(out, "default_interval", String.valueOf(manifest.interval()));
    assign(out, "computation_id", manifest.computationId());
    assign(out, "manifest_id", manifest.manifestId());
    assign(out, "dmt_rstr_cmd", restartCommand);
    return out.append('\n').append(resource("/restart_script.sh")).toString();
  }

  private static void assign(StringBuilder out, String name, String value) {
    out.append(name).append('=').append(quote(value)).append('\n');
  }

  /** Where a process had the terminal; otherwise where the eldest is. */
  private static String terminalHost(Manifest manifest) {
    return manifest.images().stream()
        .filter(ImageInfo::terminal)
        .findFirst()
        .or(() -> manifest.images().stream().findFirst())
        .map(ImageInfo::host)
        .orElse("");
  }

  /** For a shell, whatever is in it. */
  static String quote(String text) {
    return text.lines().count() == 1 && text.matches("[A-Za-z0-9_./:@%+,-]+")
        ? text
        : "'" + text.replace("'", "'\\''") + "'";
  }

  private static String resource(String name) {
    try (InputStream in = RestartScript.class.getResourceAsStream(name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .collect(Collectors.joining("\n", "", "\n"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
