package real

import (
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConnectionsComeFromTheLocalAddress(t *testing.T) {
	const local = "127.0.0.1"
	host, err := New(Options{Name: "test", LocalAddress: local, LogOutput: io.Discard})
	require.NoError(t, err)
	defer host.Tasks.Stop()
	listener, err := host.Network.Listen("127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	conn, err := host.Network.Dial(t.Context(), listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	require.Equal(t, local, conn.LocalAddr().(*net.TCPAddr).IP.String())

	for _, wrong := range []string{"localhost", "127.0.0.1:80", "1.2.3"} {
		_, err := New(Options{Name: "test", LocalAddress: wrong, LogOutput: io.Discard})
		require.ErrorContains(t, err, wrong)
	}
	// An address of no interface of this machine (RFC 5737) cannot be dialled from.
	foreign, err := New(Options{Name: "test", LocalAddress: "192.0.2.1", LogOutput: io.Discard})
	require.NoError(t, err)
	defer foreign.Tasks.Stop()
	_, err = foreign.Network.Dial(t.Context(), listener.Addr().String())
	require.Error(t, err)
}
