package bugs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build builds the product for the simulator, that is for wasip1, with Yields and with Failpoints, and with bugs planted:
// source is its folder, workDir one for what Overlay writes, out the file to make. The errors are those of Overlay, and
// what the compiler says.
func Build(source, workDir, out string, names ...string) error {
	return build(source, workDir, out, []string{"GOOS=wasip1", "GOARCH=wasm"}, append([]string{Yields, Failpoints}, names...))
}

// BuildNative builds the product for this machine, with bugs planted: Build says the rest.
func BuildNative(source, workDir, out string, names ...string) error {
	return build(source, workDir, out, nil, names)
}

func build(source, workDir, out string, environment, names []string) error {
	overlay, err := Overlay(source, workDir, names...)
	if err != nil {
		return err
	}
	if out, err = filepath.Abs(out); err != nil {
		return fmt.Errorf("find %s: %w", out, err)
	}
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-overlay", overlay, "-o", out, "./cmd/chasqui")
	command.Dir = source
	command.Env = append(os.Environ(), environment...)
	if text, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build the product with %v: %w\n%s", names, err, text)
	}
	return nil
}
