package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"chasqui/sim"
	"chasqui/sim/report"
)

type replayCommand struct {
	From string `arg:"" optional:"" help:"A scenario: its name (see: sim explain), a file, or the folder of a kept failure."`
	Seed uint64 `help:"The seed, if there is no file; for a scenario with a name, another than 1."`
	Bug  string `help:"Build the product with this bug planted (see: sim bugs --list), from the source in this folder."`
	Logs bool   `help:"Print what the programs log."`
	Once bool   `help:"Do not run it a second time to compare."`
	Keep string `help:"Folder for the story, the picture and the history, whatever the verdict." placeholder:"DIR"`
}

// Help is shown by sim replay --help.
func (*replayCommand) Help() string {
	return `Examples:

    sim replay --seed 7
    sim replay sim-failures/seed-7 --logs
    sim replay split-brain --keep out
    sim replay scenario.json --logs`
}

// Run replays one run.
func (c *replayCommand) Run(cli *commands) error {
	s, program, stop, err := cli.prepare(c.Seed, c.From, c.Bug)
	if err != nil {
		return err
	}
	defer stop()
	options := sim.Options{Stuck: stuck}
	if c.Logs {
		options.Log = func(at time.Duration, host string, p []byte) {
			for _, line := range strings.SplitAfter(string(p), "\n") {
				if line != "" {
					fmt.Printf("%10.6f %-10s %s\n", at.Seconds(), host, strings.TrimSuffix(line, "\n"))
				}
			}
		}
	}
	if stderrIsTerminal() {
		options.Progress = func(at time.Duration) { fmt.Fprintf(os.Stderr, "\r%v ", at) }
	}
	result, err := sim.RunTwice(s, program.Program, c.Once, options)
	if err != nil {
		return err
	}
	replay := replayOf(c.From, c.Seed)
	if err := report.Story(os.Stdout, result, replay); err != nil {
		return err
	}
	fmt.Println(result.Line(replay))
	if c.Keep != "" {
		if err := report.Write(c.Keep, result, replay); err != nil {
			return err
		}
		fmt.Printf("kept in %s\n", c.Keep)
	}
	if code := exitOf(result.Verdict()); code != 0 {
		return &exitError{code: code}
	}
	return nil
}

// replayOf is the command that runs a scenario again: that of a seed, a file, or a name, which may have a seed of its own.
func replayOf(from string, seed uint64) string {
	switch {
	case from == "":
		return fmt.Sprintf("make sim SEED=%d", seed)
	case seed != 0:
		return fmt.Sprintf("bin/sim replay %s --seed %d", quote(from), seed)
	}
	return "bin/sim replay " + quote(from)
}

// quote makes a word that shells take as it is.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+=:", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// stderrIsTerminal tells whether progress would be seen by a person.
func stderrIsTerminal() bool {
	info, err := os.Stderr.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
