package org.dmtcp.akka.coordinator;

import java.util.Arrays;
import org.dmtcp.akka.config.ExitCode;
import org.dmtcp.akka.config.Options;

/** {@code --help} of the Java program; the native launcher prints its own from the same table. */
final class Help {
  private Help() {}

  static ExitCode print() {
    System.out.println("Usage: dmtcp_coordinator [OPTIONS] [PORT]\n");
    for (Options.Option option : Options.of("coordinator")) {
      String letter = option.letter().isEmpty() ? "    " : "-" + option.letter() + ", ";
      String names = "--" + String.join(", --", option.names()) + " " + option.argument();
      String variables =
          option.environment().isEmpty()
              ? ""
              : " (" + String.join(", ", option.environment()) + ")";
      System.out.printf("  %s%s%n        %s%s%n", letter, names, option.help(), variables);
    }
    System.out.println("\nExit status:");
    Arrays.stream(ExitCode.values()).forEach(code -> System.out.println("  " + code.describe()));
    return ExitCode.DONE;
  }
}
