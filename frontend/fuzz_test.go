package frontend

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.fifo)?$`)

// FuzzQueueName compares the check of queue names with the rule as the documentation words it, and finds queues by every
// form of their URL.
func FuzzQueueName(f *testing.F) {
	for _, seed := range []string{"", "q", "a-b_C9", "q.fifo", ".fifo", "q.fifo.fifo", "a b", "é", "a/b", "q\n", strings.Repeat("n", 80), strings.Repeat("n", 81), strings.Repeat("n", 76) + ".fifo"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		valid := len(name) <= 80 && queueName.MatchString(name)
		require.Equal(t, valid, validQueueName(name), "%q", name)
		c := &caller{account: testAccount, region: "r", base: "http://h:1"}
		for _, url := range []string{c.queueURL(testAccount, name), "/" + testAccount + "/" + name, "https://other/" + testAccount + "/" + name + "/"} {
			account, found, err := c.resolve(url)
			if valid {
				require.NoError(t, err)
				require.Equal(t, []string{testAccount, name}, []string{account, found})
			} else if err == nil {
				require.True(t, validQueueName(found) && isAccount(account), "%q resolves to %q of %q", url, found, account)
			}
		}
	})
}
