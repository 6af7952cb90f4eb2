package hoststatus

import (
	"context"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node/real"
	"chasqui/node/rpc"
)

func TestAProcessAnswersWhoItIs(t *testing.T) {
	host, err := real.New(real.Options{Name: "test", LogOutput: io.Discard})
	require.NoError(t, err)
	defer host.Tasks.Stop()
	want := Status{
		Role: "backend", ID: "backend-2", Address: "127.0.0.1:7", PID: 42, StartedMs: 1_700_000_000_000, Healthy: true, Detail: "2 slots",
	}
	server := rpc.NewServer(host, rpc.DefaultConfig())
	defer server.Close()
	Serve(server, func(context.Context) Status { return want })
	listener, err := host.Network.Listen("127.0.0.1:0")
	require.NoError(t, err)
	host.Tasks.Go("serve", func(context.Context) { _ = server.Serve(listener) })

	client := rpc.NewClient(host, rpc.DefaultConfig())
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	got, err := Ask(ctx, client, listener.Addr().String())
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestTheFormatIsPinned(t *testing.T) {
	status := Status{Role: "r", ID: "i", Address: "a", PID: 1, StartedMs: 2, Healthy: true, Detail: "d"}
	golden, err := hex.DecodeString("9801a172a169a1610102c3a164")
	require.NoError(t, err)
	require.Equal(t, golden, rpc.Encode(&status))
	var got Status
	require.NoError(t, rpc.Decode(golden, &got))
	require.Equal(t, status, got)
}

func TestHostileBytesAreRefused(t *testing.T) {
	for _, text := range []string{"", "97", "9802a172a169a1610102c3a164", "9801dbffffffff", "9801a172a169a1610102c3", "9801a172a169a1610102c3a16400"} {
		b, err := hex.DecodeString(text)
		require.NoError(t, err)
		var status Status
		require.Error(t, rpc.Decode(b, &status), "%q", text)
	}
}

func TestLongTextsAreCut(t *testing.T) {
	status := Status{Role: "r", Detail: strings.Repeat("x", 3*detailMax)}
	var got Status
	require.NoError(t, rpc.Decode(rpc.Encode(&status), &got))
	require.Len(t, got.Detail, detailMax)
}
