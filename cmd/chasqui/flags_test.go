package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// parse reads a command line as run does, without carrying it out.
func parse(t *testing.T, args ...string) (*commands, error) {
	t.Helper()
	cli := commands{global: global{stdout: io.Discard, stderr: io.Discard}}
	parser, err := newParser(&cli, func(int) {})
	require.NoError(t, err)
	_, err = parser.Parse(args)
	return &cli, err
}

func writeConfig(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chasqui.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestFlagsWinOverTheEnvironmentAndThatOverTheFile(t *testing.T) {
	config := writeConfig(t, "log-level: debug\nlisten: file-top:1\ndev:\n  listen: file-dev:1\n  slots: 5\n")
	for _, c := range []struct {
		name        string
		environment string
		args        []string
		listen      string
	}{
		{"default", "", []string{"dev"}, "127.0.0.1:9324"},
		{"file", "", []string{"dev", "--config", config}, "file-dev:1"},
		{"environment", "env:1", []string{"dev", "--config", config}, "env:1"},
		{"flag", "env:1", []string{"dev", "--config", config, "--listen", "flag:1"}, "flag:1"},
		{"flag over file", "", []string{"dev", "--config", config, "--listen", "flag:1"}, "flag:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.environment != "" {
				t.Setenv("CHASQUI_LISTEN", c.environment)
			}
			cli, err := parse(t, c.args...)
			require.NoError(t, err)
			require.Equal(t, c.listen, cli.Dev.Listen)
		})
	}
	t.Run("other commands have the file's top level", func(t *testing.T) {
		cli, err := parse(t, "up", "--config", config)
		require.NoError(t, err)
		require.Equal(t, "file-top:1", cli.Up.Listen)
		require.Equal(t, "DEBUG", cli.LogLevel.String())
	})
	t.Run("the file itself by environment", func(t *testing.T) {
		t.Setenv("CHASQUI_CONFIG", config)
		cli, err := parse(t, "dev")
		require.NoError(t, err)
		require.Equal(t, 5, cli.Dev.Slots)
	})
}

func TestCommandLinesThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"balancer", "--id=b", "--frontends=f:1"}, "--primary"},
		{[]string{"balancer", "--id=b", "--frontends=f:1", "--primary", "--secondary"}, "--secondary"},
		{[]string{"backend", "--id=b", "--data=d"}, "--metadata"},
		{[]string{"dev", "--config=" + filepath.Join(t.TempDir(), "missing.yaml")}, "missing.yaml"},
		{[]string{"dev", "--config=" + writeConfig(t, "dev: [")}, "YAML"},
		{[]string{"dev", "--config=" + writeConfig(t, "slots: many")}, "--slots"},
		{[]string{"dev", "--config=" + writeConfig(t, "sluts: 5")}, `"sluts" is no flag of any command`},
		{[]string{"dev", "--config=" + writeConfig(t, "dev: {zone: a}")}, `"zone" below "dev"`},
		{[]string{"dev", "--config=" + writeConfig(t, "backend: {sluts: 5}")}, `"sluts" below "backend"`},
		{[]string{"dev", "--config=" + writeConfig(t, "dev: 5")}, `"dev" is a command`},
		{[]string{"dev", "--config=" + writeConfig(t, "queue: {ls: 5}")}, `"ls" is a command`},
		{[]string{"dev", "--config=" + writeConfig(t, "queue: {ls: {slots: 5}}")}, `"slots" below "ls"`},
		{[]string{"queue", "ls", "--endpoint=localhost:9324"}, "--endpoint"},
		{[]string{"queue", "create", "q", "-a", "DelaySeconds"}, "DelaySeconds"},
		{[]string{"dev", "--config=" + writeConfig(t, "slots: 5\nslots: 6")}, "YAML"},
		{[]string{"dev", "--config=" + writeConfig(t, "- slots")}, "YAML"},
		{[]string{"dev", "--config=" + writeConfig(t, strings.Repeat("#", configBytesMax+1))}, "bytes"},
		{[]string{"dev", "--config=" + t.TempDir()}, "--config"},
		{[]string{"dev", "--slots=many"}, "--slots"},
		{[]string{"dev", "--slots"}, "--slots"},
		{[]string{"dev", "--sluts=5"}, "--sluts"},
		{[]string{"dev", "elsewhere"}, "elsewhere"},
		{[]string{"backend", "--id=b", "--data=d", "--metadata=m:1", "--heartbeat=0s"}, "--heartbeat"},
		{[]string{"backend", "--id=b", "--data=d", "--metadata=m:1", "--heartbeat=500"}, "--heartbeat"},
		{[]string{"backend", "--id=b", "--data=d", "--metadata=m:1", "--digest-interval=-1s"}, "--digest-interval"},
		{[]string{"metadata", "--id=b", "--data=d", "--members=b"}, "--members"},
		{[]string{"dev", "--log-level=loud"}, "log-level"},
		{[]string{"status", "--output=xml"}, "output"},
		{[]string{"fly"}, "fly"},
	} {
		_, err := parse(t, c.args...)
		require.ErrorContains(t, err, c.says, "%q", c.args)
	}
}

// Variables that are no flag's are left alone: a container's environment has some, CHASQUI_SERVICE_HOST for one.
func TestEnvironment(t *testing.T) {
	t.Setenv("CHASQUI_SERVICE_HOST", "10.0.0.1")
	cli, err := parse(t, "dev")
	require.NoError(t, err)
	require.Equal(t, 2, cli.Dev.Slots)
	t.Setenv("CHASQUI_SLOTS", "many")
	_, err = parse(t, "dev")
	require.ErrorContains(t, err, "CHASQUI_SLOTS")
	_, err = parse(t, "version")
	require.NoError(t, err, "a variable of another command")
}

func TestMembers(t *testing.T) {
	cli, err := parse(t, "metadata", "--id=a", "--data=d", "--members=a=h:1,b=h:2")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "h:1", "b": "h:2"}, cli.Metadata.Members)
	err = run([]string{"metadata", "--id=c", "--data=" + t.TempDir(), "--members=a=h:1,b=h:2"}, io.Discard, io.Discard, nil)
	require.EqualError(t, err, "--id c is not among the --members a, b")
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	cli := commands{}
	parser, err := newParser(&cli, func(int) {})
	require.NoError(t, err)
	require.NotEmpty(t, parser.Model.Children)
	requireHelp(t, parser.Model.Node)
}

// requireHelp looks at all commands below n.
func requireHelp(t *testing.T, n *kong.Node) {
	t.Helper()
	for _, command := range n.Children {
		if command.Type != kong.CommandNode {
			continue
		}
		name := command.Path() // the words of the command, and then its arguments
		if at := strings.Index(name, " <"); at >= 0 {
			name = name[:at]
		}
		var out bytes.Buffer
		// The program exits after the help; without an exit the command would run.
		require.PanicsWithValue(t, "exit", func() {
			_ = run(append(strings.Fields(name), "--help"), &out, io.Discard, func(int) { panic("exit") })
		}, name)
		require.Contains(t, out.String(), "Example", name)
		require.Contains(t, out.String(), "chasqui "+name, name)
		requireHelp(t, command)
	}
}

func TestVersion(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run([]string{"version"}, &out, io.Discard, nil))
	require.Regexp(t, `^chasqui \S+ .*go1\.\d+.*\n$`, out.String())
}
