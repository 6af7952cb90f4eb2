package node_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The seam is the rule that only the implementations of node.Host touch the machine. A simulation is worth its name
// only while it holds: one time.Now elsewhere, and the same seed gives two histories. This file checks the rule on the
// source text, tests excepted. It goes by the names of imports and knows no types, so a local variable called "time"
// is taken for the package: rename it.

// openFolders may touch the machine: they are the machine, or stand outside of it as the experimenter does.
var openFolders = []string{"node/real", "node/virtual", "node/nodetest", "sim", "cmd/sim", "chaos"}

// exceptions are the single uses allowed elsewhere, by file and what is used, each with its reason. One that is not
// needed any more fails the test.
var exceptions = map[exception]string{
	{"node/tasks.go", "go statement"}: "Tasks is the place where goroutines start",
}

type exception struct{ file, use string }

// rule says which names of an imported package are forbidden, and what to use instead.
type rule struct {
	forbidden []string // names; "X*" is every name that starts with X; "*" is all
	allowed   []string // names that forbidden would match
	instead   string
}

const (
	insteadOfTime    = "Host.Clock (and node.Since, node.Wait)"
	insteadOfNetwork = "Host.Network"
	insteadOfFiles   = "Host.Disk"
	insteadOfRandom  = "Host.Random, or a math/rand/v2 generator seeded from it"
	insteadOfGo      = "Host.Tasks.Go"
	insteadOfExec    = "package node/real: processes belong to the real machine"
)

// rules are the doors to the machine, by import path.
var rules = map[string]rule{
	"time": {
		forbidden: []string{"Now", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Since", "Until"},
		instead:   insteadOfTime,
	},
	"net": {
		forbidden: []string{"Dial*", "Listen*", "Lookup*", "FileConn", "FileListener", "FilePacketConn", "Resolver", "DefaultResolver", "Resolve*", "Interface*"},
		allowed:   []string{"Listener"},
		instead:   insteadOfNetwork,
	},
	"net/http": {
		forbidden: []string{"Get", "Head", "Post", "PostForm", "DefaultClient", "DefaultTransport", "ListenAndServe*"},
		instead:   insteadOfNetwork,
	},
	"crypto/tls": {forbidden: []string{"Dial*", "Listen"}, instead: insteadOfNetwork},
	"os": {
		forbidden: []string{
			"Open*", "Create*", "NewFile", "ReadFile", "WriteFile", "Remove*", "Rename", "Mkdir*", "Stat", "Lstat", "ReadDir",
			"Root", "DirFS", "CopyFS", "Truncate", "Chmod", "Chown", "Lchown", "Chtimes", "Chdir", "Link", "Symlink",
			"Readlink", "Pipe",
		},
		instead: insteadOfFiles,
	},
	"io/ioutil":     {forbidden: []string{"*"}, instead: insteadOfFiles},
	"path/filepath": {forbidden: []string{"Walk*", "Glob", "EvalSymlinks"}, instead: insteadOfFiles},
	"crypto/rand":   {forbidden: []string{"*"}, instead: insteadOfRandom},
	"math/rand": {
		forbidden: []string{"*"},
		allowed:   []string{"New", "NewSource", "NewZipf", "Rand", "Source", "Source64", "Zipf"},
		instead:   insteadOfRandom,
	},
	"math/rand/v2": {
		forbidden: []string{"*"},
		allowed:   []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "PCG", "ChaCha8", "Zipf"},
		instead:   insteadOfRandom,
	},
	"os/exec":                    {forbidden: []string{"*"}, instead: insteadOfExec},
	"golang.org/x/sys/unix":      {forbidden: []string{"*"}, instead: insteadOfExec},
	"golang.org/x/sync/errgroup": {forbidden: []string{"*"}, instead: insteadOfGo},
}

func (r rule) forbids(name string) bool {
	return !slices.Contains(r.allowed, name) && slices.ContainsFunc(r.forbidden, func(pattern string) bool {
		prefix, wild := strings.CutSuffix(pattern, "*")
		return name == pattern || wild && strings.HasPrefix(name, prefix)
	})
}

// violation is one use of the machine that goes around the seam.
type violation struct {
	file    string
	line    int
	use     string
	instead string
}

func (v violation) String() string {
	return fmt.Sprintf("%s:%d: %s reaches the machine directly; use %s", v.file, v.line, v.use, v.instead)
}

func TestNothingGoesAroundTheSeam(t *testing.T) {
	module := os.DirFS("..")
	unused := maps.Clone(exceptions)
	files := 0
	err := fs.WalkDir(module, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return skipFolder(module, name)
		case path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		source, err := fs.ReadFile(module, name)
		if err != nil {
			return err
		}
		violations, err := checkSeam(name, source)
		if err != nil {
			return err
		}
		files++
		for _, v := range violations {
			key := exception{v.file, v.use}
			delete(unused, key)
			if exceptions[key] == "" {
				t.Error(v)
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.NotZero(t, files, "no source files found")
	require.Empty(t, unused, "exceptions that nothing needs")
}

// skipFolder leaves out the open folders, and what is not part of this module's source.
func skipFolder(module fs.FS, name string) error {
	base := path.Base(name)
	if slices.Contains(openFolders, name) || base == "testdata" || base == "vendor" || base != "." && strings.HasPrefix(base, ".") {
		return fs.SkipDir
	}
	if name != "." {
		if _, err := fs.Stat(module, path.Join(name, "go.mod")); err == nil {
			return fs.SkipDir
		}
	}
	return nil
}

// checkSeam returns what one file uses of the machine, in the order of the text.
func checkSeam(name string, source []byte) ([]violation, error) {
	positions := token.NewFileSet()
	file, err := parser.ParseFile(positions, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var found []violation
	report := func(at ast.Node, use, instead string) {
		found = append(found, violation{filepath.ToSlash(name), positions.Position(at.Pos()).Line, use, instead})
	}
	imports := map[string]string{} // import path by the name it has in this file
	for _, spec := range file.Imports {
		importPath := strings.Trim(spec.Path.Value, `"`)
		r, guarded := rules[importPath]
		if !guarded {
			continue
		}
		local := path.Base(strings.TrimSuffix(importPath, "/v2"))
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == "." {
			report(spec, "import of "+importPath+" without a name", r.instead)
		}
		imports[local] = importPath
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			report(n, "go statement", insteadOfGo)
		case *ast.CallExpr:
			if startsGoroutine(n) {
				report(n, "Go of a wait group", insteadOfGo)
			}
		case *ast.SelectorExpr:
			if local, ok := n.X.(*ast.Ident); ok && imports[local.Name] != "" {
				importPath := imports[local.Name]
				if r := rules[importPath]; r.forbids(n.Sel.Name) {
					report(n, importPath+"."+n.Sel.Name, r.instead)
				}
			}
		}
		return true
	})
	return found, nil
}

// startsGoroutine recognises x.Go(func() {...}), which is sync.WaitGroup's: that of node.Tasks takes a name first.
func startsGoroutine(call *ast.CallExpr) bool {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != "Go" || len(call.Args) != 1 {
		return false
	}
	_, literal := call.Args[0].(*ast.FuncLit)
	return literal
}

func TestSeamCheckerCatches(t *testing.T) {
	tests := []struct {
		name   string
		source string
		want   []string // "line use"
	}{
		{"a call", `import "time"; var t = time.Now()`, []string{"1 time.Now"}},
		{"a function as a value", `import "time"; var now = time.Now`, []string{"1 time.Now"}},
		{"every clock", "import \"time\"\nfunc f() {\ntime.Sleep(1)\n<-time.After(1)\ntime.NewTicker(1)\n}", []string{"3 time.Sleep", "4 time.After", "5 time.NewTicker"}},
		{"another import name", `import clock "time"; var t = clock.Now()`, []string{"1 time.Now"}},
		{"a dot import", `import . "time"; var t = Now()`, []string{"1 import of time without a name"}},
		{"dialling by any name", `import "net"; var d net.Dialer; var f = net.DialTimeout; var l = net.ListenTCP`, []string{"1 net.Dialer", "1 net.DialTimeout", "1 net.ListenTCP"}},
		{"http shortcuts", `import "net/http"; var c = http.DefaultClient`, []string{"1 net/http.DefaultClient"}},
		{"files", `import "os"; func f(r *os.Root) { os.Open("a"); os.RemoveAll("a"); os.MkdirTemp("", "") }`, []string{"1 os.Root", "1 os.Open", "1 os.RemoveAll", "1 os.MkdirTemp"}},
		{"global randomness", `import "math/rand"; var n = rand.Intn(6)`, []string{"1 math/rand.Intn"}},
		{"global randomness v2", `import "math/rand/v2"; var n = rand.N(6)`, []string{"1 math/rand/v2.N"}},
		{"the system's randomness", `import "crypto/rand"; var r = rand.Reader`, []string{"1 crypto/rand.Reader"}},
		{"a bare goroutine", "func f() {\n\tgo f()\n}", []string{"2 go statement"}},
		{"a wait group's goroutine", `import "sync"; func f(wg *sync.WaitGroup) { wg.Go(func() {}) }`, []string{"1 Go of a wait group"}},

		{"durations and time values", `import "time"; const d = time.Second; var t = time.Unix(0, 0); type T = time.Time`, nil},
		{"conversation with the terminal", `import "os"; func f() { os.Stdout.Write(nil); _ = os.Args; os.Exit(1) }`, nil},
		{"errors of the seam", `import ("net"; "os"); var a = net.ErrClosed; var b = os.ErrNotExist; var c net.Conn; var l net.Listener; var p, q = net.Pipe()`, nil},
		{"a seeded generator", `import "math/rand/v2"; var r = rand.New(rand.NewPCG(1, 2)); var n = r.IntN(6)`, nil},
		{"the seam itself", `func f(host Host) { host.Clock.Now(); host.Network.Dial(nil, ""); host.Tasks.Go("a", func() {}) }`, nil},
		{"a package of the same name", `import "example.org/other/time"; var t = time.Now()`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			violations, err := checkSeam("backend/planted.go", []byte("package planted; "+test.source))
			require.NoError(t, err)
			var got []string
			for _, v := range violations {
				got = append(got, fmt.Sprintf("%d %s", v.line, v.use))
			}
			require.Equal(t, test.want, got)
		})
	}
}

func TestSeamMessageSaysWhatToUse(t *testing.T) {
	violations, err := checkSeam("backend/planted.go", []byte("package planted\n\nimport \"time\"\n\nvar t = time.Now()\n"))
	require.NoError(t, err)
	require.Len(t, violations, 1)
	require.Equal(t, "backend/planted.go:5: time.Now reaches the machine directly; use Host.Clock (and node.Since, node.Wait)", violations[0].String())
}
