package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What programs and plugins are given: the store, and the environment after a restart. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PluginInputsIT {
  static List<String> accounts() {
    return Accounts.names();
  }

  @BeforeAll
  static void build() throws IOException {
    Examples.build();
  }

  /** All kinds of values, too large ones, too little room, all requests. */
  @ParameterizedTest
  @MethodSource("accounts")
  void theStoreKeepsWhatItSaysAndRefusesTheRest(String account) throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(account))) {
      c.launch(List.of(), Examples.path("store_limits"));
      c.job().await(Computation.LIMIT);
      assertEquals("ok\n", c.output(), c.tail());
      c.passed();
    }
  }

  private static final String FILE = String.join("\n",
      "# a comment", "   # another", "",
      "T_PLAIN=a b # c", "T_EMPTY=", "T_GONE", "T_GONE_TOO \t# said why", "  T_BLANKS=  x  ",
      "T_QUOTED=\"  a # b  \"  ", "T_ESCAPED=x\\ty\\\\z\\\"q\\\"\\$THERE\\x41\\101\\n",
      "T_VARIABLE=$THERE-${THERE}/$NOT_THERE.$-${open", "T_CR=dos\r", "T_LONG=one\\", "two",
      "bad name=1", "=nothing", "9T=1", "T_OPEN=\"never closed", "export T_EXPORT=1",
      "T_TWICE=1", "T_TWICE=2", "T_LAST=no newline");

  private static final String EXPECTED = String.join("\n",
      "T_PLAIN a b # c", "T_EMPTY ", "T_GONE unset", "T_GONE_TOO unset", "T_BLANKS   x",
      "T_QUOTED   a # b  ", "T_ESCAPED x<9>y\\z\"q\"$THEREAA<10>",
      "T_VARIABLE here-here/.$-${open", "T_CR dos", "T_LONG onetwo", "T_OPEN as before",
      "T_EXPORT unset", "T_TWICE 2", "T_LAST no newline", "T_OTHER as before", "");

  /** Everything that a file may say, and what is wrong in it is told by its line. */
  @ParameterizedTest
  @MethodSource("accounts")
  void theEnvironmentFileHasManyForms(String account) throws IOException {
    List<String> names = EXPECTED.lines().map(l -> l.substring(0, l.indexOf(' '))).toList();
    try (Computation c = Computation.prepare(Skip.unlessAvailable(account))) {
      for (String name : List.of("T_GONE", "T_GONE_TOO", "T_OPEN", "T_OTHER")) {
        c.set(name, "as before");
      }
      List<String> words = new ArrayList<>(List.of(Examples.path("print_environment")));
      words.addAll(names);
      c.launch(List.of("--modify-env"), "sh", "-c",
          "exec " + String.join(" ", words) + " 2>>events");
      c.awaitLine("T_OTHER as before");
      c.checkpoint();
      c.kill();
      Files.writeString(c.images().resolve("dmtcp_env.txt"), FILE);
      c.set("THERE", "here");
      c.restart();
      c.awaitLine("T_LAST no newline");
      Wait.until(Computation.LIMIT, c::output, s -> s.endsWith(EXPECTED), c::tail);
      String said = Files.readString(c.work().resolve("events"));
      assertEquals(List.of("line 15", "line 16", "line 17", "line 18", "line 19"),
          said.lines().map(l -> l.replaceAll(".*: (line \\d+): .*", "$1")).toList(), said);
      c.checkpoint();
      c.kill();

      Files.writeString(c.images().resolve("other.txt"), "T_OTHER=" + "x".repeat(12 << 10));
      c.set("DMTCP_ENV_FILE", "other.txt");
      long before = c.output().length();
      c.restart();
      Wait.until(Computation.LIMIT, c::output, s -> s.length() > before, c::tail);
      assertTrue(c.output().endsWith("T_OTHER as before\n"), c.output());
      assertTrue(Files.readString(c.work().resolve("events"))
          .contains("other.txt: more than 12288 bytes: the environment stays as it was"), c.tail());
      c.kill();
      c.passed();
    }
  }
}
