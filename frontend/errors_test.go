package frontend

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStatusOfErrors compares the error catalogue with what the AWS SDK was generated from.
func TestStatusOfErrors(t *testing.T) {
	kinds := map[string]*errorKind{}
	for _, kind := range []*errorKind{
		kindQueueDoesNotExist, kindQueueNameExists, kindQueueDeletedRecently, kindPurgeInProgress, kindInvalidAttributeName,
		kindInvalidAttributeValue, kindReceiptHandleInvalid, kindOverLimit, kindEmptyBatch, kindTooManyEntries, kindIDsNotDistinct,
		kindInvalidEntryID, kindUnsupported, kindNoSuchResource,
	} {
		kinds[kind.jsonType] = kind
	}
	// Errors that this service has no occasion for.
	unused := map[string]bool{"InvalidAddress": true, "InvalidSecurity": true, "InvalidIdFormat": true, "MessageNotInflight": true, "RequestThrottled": true}
	files, err := filepath.Glob("protocol/testdata/sdk/*.error.snap")
	require.NoError(t, err)
	require.Len(t, files, len(kinds)+len(unused))
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".error.snap")
		if unused[name] {
			continue
		}
		file, err := os.Open(path)
		require.NoError(t, err)
		first, err := bufio.NewReader(file).ReadString('\n')
		require.NoError(t, err)
		require.NoError(t, file.Close())
		require.NotNil(t, kinds[name], name)
		require.Equal(t, strings.TrimSpace(first), strconv.Itoa(kinds[name].status), name)
	}
}
