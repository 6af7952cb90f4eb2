package frontend

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBotocore lets an old botocore walk through the API in the Query protocol. `make old-client` runs it, and fails
// where it would be skipped: CHASQUI_PYTHON then names the interpreter that must have such a botocore.
func TestBotocore(t *testing.T) {
	python, required := os.LookupEnv("CHASQUI_PYTHON")
	if !required {
		python = "python3"
	}
	_, endpoint := newSDK(t)
	// #nosec G204 -- the interpreter is the developer's choice
	output, err := exec.CommandContext(t.Context(), python, "testdata/botocore/query.py", endpoint).CombinedOutput()
	var ended *exec.ExitError
	absent := errors.Is(err, exec.ErrNotFound) || errors.As(err, &ended) && ended.ExitCode() == 77
	if absent && !required {
		t.Skipf("no botocore that speaks the Query protocol: %v %s", err, output)
	}
	require.NoError(t, err, "%s", output)
	t.Logf("%s", output)
}
