package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/alecthomas/kong"
)

const environmentPrefix = "CHASQUI"

// commands is the command line. Each field with the tag cmd is a command, defined in the file of its name.
type commands struct {
	global

	Dev      devCommand      `cmd:"" help:"Run a whole system in one process, for development."`
	Up       upCommand       `cmd:"" help:"Run a cluster of separate processes on this machine."`
	Status   statusCommand   `cmd:"" help:"Show the hosts and slots of a cluster and whether they are well."`
	Balancer balancerCommand `cmd:"" help:"Run a balancer: a TCP proxy that holds the virtual IP."`
	Frontend frontendCommand `cmd:"" help:"Run a frontend: the HTTP server that speaks the SQS API."`
	Metadata metadataCommand `cmd:"" help:"Run a metadata host: a replica of the catalog of queues."`
	Backend  backendCommand  `cmd:"" help:"Run a backend host: replicas of slots, which store the messages."`
	Version  versionCommand  `cmd:"" help:"Print the version."`

	consoleCommands `embed:""`
}

// global are the flags of every command.
type global struct {
	Config       string     `help:"YAML file with flags: at the top level, or below the command's name." placeholder:"FILE" type:"path"`
	LogLevel     slog.Level `help:"Least level that is logged: debug, info, warn or error." default:"info"`
	LocalAddress string     `help:"IP address that connections to other hosts come from, on a machine with several; the system chooses if empty." placeholder:"IP"`
	Pprof        string     `help:"Address for Go's profiler (/debug/pprof); off if empty. Give it to nobody you do not trust." placeholder:"ADDR"`

	stdin          io.Reader
	stdout, stderr io.Writer
}

// run carries out one command line. exit is what --help ends with.
func run(args []string, stdout, stderr io.Writer, exit func(int)) error {
	cli := commands{global: global{stdin: os.Stdin, stdout: stdout, stderr: stderr}}
	parser, err := newParser(&cli, exit)
	if err != nil {
		return fmt.Errorf("command line: %w", err)
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return fmt.Errorf("%w (see: chasqui --help)", err)
	}
	return ctx.Run(&cli.global)
}

// newParser returns a parser that fills cli in.
func newParser(cli *commands, exit func(int)) (*kong.Kong, error) {
	file := &configFile{path: &cli.Config}
	return kong.New(cli,
		kong.Name("chasqui"),
		kong.Description("A distributed message queue that speaks the Amazon SQS API.\n\nStart with: chasqui dev"),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.DefaultEnvars(environmentPrefix),
		kong.Configuration(file.load),
		kong.Resolvers(file),
		kong.Writers(cli.stdout, cli.stderr),
		kong.Exit(exit),
	)
}
