package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What the pages tell a reader to type works: all blocks {@code ```sh} of a page, one after the
 * other, by an ordinary user in an empty directory. Lines of {@code ```sh install} are what has made
 * this tree; they are only looked for.
 */
@Timeout(value = 4, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class DocsIT {
  private static final Pattern BLOCK =
      Pattern.compile("^```(sh install|sh)\\n(.*?)^```$", Pattern.MULTILINE | Pattern.DOTALL);
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:]+)(#[^)]*)?\\)");

  /** A reader types more slowly than a script: by then what was started runs, or has gone. */
  private static final String SETTLE =
      """
      set -e
      exec > shown.txt 2>&1 # a file of the user's own: programs have it open over a restart
      settle() {
        for i in $(seq 600); do
          answer=$(dmtcp_command --json --status 2>/dev/null) || answer='"num_peers":0'
          case $1:$answer in
            runs:*'"running":true'*) return 0 ;;
            gone:*'"num_peers":0'*) return 0 ;;
          esac
          sleep 0.1
        done
        echo "still not: $1 after: $2" >&2
        return 1
      }
      """;

  static Stream<String> pages() throws IOException {
    List<String> pages = new ArrayList<>(List.of("README.md"));
    try (Stream<Path> files = Files.list(Tree.SOURCE.resolve("docs"))) {
      files.map(f -> "docs/" + f.getFileName()).filter(f -> f.endsWith(".md")).sorted()
          .forEach(pages::add);
    }
    return pages.stream();
  }

  static Stream<String> pagesWithCommands() throws IOException {
    List<String> with = new ArrayList<>();
    for (String page : pages().toList()) {
      if (text(page).contains("\n```sh\n")) {
        with.add(page);
      }
    }
    return with.stream();
  }

  private static String text(String page) throws IOException {
    return Files.readString(Tree.SOURCE.resolve(page));
  }

  @ParameterizedTest
  @MethodSource("pagesWithCommands")
  void commandsOfThePageWork(String page) throws IOException {
    StringBuilder script = new StringBuilder(SETTLE);
    Matcher block = BLOCK.matcher(text(page));
    while (block.find()) {
      if (block.group(1).equals("sh")) {
        append(script, block.group(2));
      }
    }
    try (Session session = new Session(Accounts.find(Account.PLAIN).orElseThrow())) {
      long offset = pages().toList().indexOf(page);
      session.set("DMTCP_COORD_PORT",
          String.valueOf(10000 + (ProcessHandle.current().pid() * 40 + offset) % 9000));
      session.set("PATH", Tree.SOURCE.resolve("bin") + ":" + System.getenv("PATH"));
      Outcome outcome = session.run("bash", "-c", script.toString());
      session.run("dmtcp_command", "--quit");
      assertEquals(0, outcome.status(), page + "\n" + session.read("shown.txt"));
    }
  }

  private static void append(StringBuilder script, String block) {
    String endOfText = "";
    for (String line : block.lines().toList()) {
      script.append(line).append('\n');
      Matcher begin = Pattern.compile("<<'?(\\w+)").matcher(line);
      if (!endOfText.isEmpty()) {
        endOfText = line.equals(endOfText) ? "" : endOfText;
      } else if (begin.find()) {
        endOfText = begin.group(1);
      } else {
        String command = line.replaceFirst(" +#.*", "");
        if (command.matches("dmtcp_command.* (--kill|--kcheckpoint|--quit|-kc|-k|-q)")) {
          script.append("settle gone '").append(command.replace("'", "")).append("'\n");
        } else if (command.matches(".*&|bash .*|dmtcp_command.* (-c|--checkpoint)")) {
          script.append("settle runs '").append(command.replace("'", "")).append("'\n");
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("pages")
  void linksOfThePageLeadSomewhere(String page) throws IOException {
    Path directory = Tree.SOURCE.resolve(page).getParent();
    Matcher link = LINK.matcher(text(page));
    while (link.find()) {
      assertTrue(Files.exists(directory.resolve(link.group(1))), page + ": " + link.group(1));
    }
  }

  @ParameterizedTest
  @MethodSource("pages")
  void whatInstallsIsThere(String page) throws IOException {
    Matcher block = BLOCK.matcher(text(page));
    while (block.find()) {
      if (block.group(1).equals("sh")) {
        assertFalse(block.group(2).isBlank(), page);
        continue;
      }
      for (String line : block.group(2).lines().filter(l -> l.startsWith("./")).toList()) {
        Path program = Tree.SOURCE.resolve(line.substring(2).split(" ")[0]);
        assertTrue(Files.isExecutable(program), page + ": " + line);
      }
    }
  }
}
