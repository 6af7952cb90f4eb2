package chaos

import (
	"context"
	wire "encoding/binary" // a name of its own: binary is the program under test
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/backend/queue"
	"chasqui/node/nodetest"
	"chasqui/node/rpc"
)

// The numbers of the wire format of node/rpc, as frame.go there draws it. They are repeated because the tests here send
// what that package cannot be made to send.
const (
	goodHello       = "chqRPC\x00\x01"
	requestFrame    = 1
	frameCRCOffset  = 19
	lastMethod      = 110 // of those in use, and some that are not
	methodExecute   = 60
	methodWait      = 61 // answers when a message comes, or not before its caller's deadline
	garbageSeed     = 20
	mutationsOfEach = 100
)

// rpcFrame returns a frame with a right checksum.
func rpcFrame(kind byte, id uint64, method uint16, body string) []byte {
	b := wire.BigEndian.AppendUint32(nil, uint32(frameCRCOffset+len(body)))
	b = append(b, kind)
	b = wire.BigEndian.AppendUint64(b, id)
	b = wire.BigEndian.AppendUint16(b, method)
	b = wire.BigEndian.AppendUint32(b, 1000)
	table := crc32.MakeTable(crc32.Castagnoli)
	crc := crc32.Update(crc32.Checksum(b, table), table, []byte(body))
	return append(wire.BigEndian.AppendUint32(b, crc), body...)
}

// badRPCs are sent to the internal port of every process.
func badRPCs() []badInput {
	random := make([]byte, 4096)
	rng := rand.New(rand.NewPCG(garbageSeed, 1))
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	good := string(rpcFrame(requestFrame, 1, 100, ""))
	flipped := []byte(good)
	flipped[len(flipped)-1] ^= 1
	oversized := []byte(good)
	wire.BigEndian.PutUint32(oversized, 1<<32-1)
	tooShort := []byte(good)
	wire.BigEndian.PutUint32(tooShort, 3)
	tests := []badInput{}
	for _, c := range []struct{ name, bytes string }{
		{"random bytes", string(random)},
		{"an HTTP request", "GET / HTTP/1.1\r\nHost: sqs\r\n\r\n"},
		{"a hello of another version", "chqRPC\xff\xff"},
		{"random bytes behind the hello", goodHello + string(random)},
		{"a frame of 4 GiB", goodHello + string(oversized)},
		{"a frame shorter than its header", goodHello + string(tooShort)},
		{"a flipped checksum", goodHello + string(flipped)},
		{"a good frame and a flipped checksum", goodHello + good + string(flipped)},
		{"an unknown type", goodHello + string(rpcFrame(77, 1, 100, ""))},
		{"an answer from a client", goodHello + string(rpcFrame(2, 1, 0, "x"))},
		{"a cancel with a body", goodHello + string(rpcFrame(4, 1, 0, "x"))},
	} {
		tests = append(tests, badInput{"RPC: " + c.name, func(t *testing.T, b *bystander) {
			b.eachRPCPort(func(id, address string) {
				conn := dial(t, address)
				_, err := io.WriteString(conn, c.bytes)
				require.NoError(t, err)
				_, err = io.Copy(io.Discard, conn)
				var timeout net.Error
				require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "%s holds the connection", id)
			})
		}})
	}
	return append(tests,
		badInput{"RPC: connections that stay silent", silentPeers},
		badInput{"RPC: a truncated frame", truncatedFrames},
		badInput{"RPC: a cancel of nothing", cancelOfNothing},
		badInput{"RPC: garbage for every method", garbageForEveryMethod},
		badInput{"RPC: damaged commands", damagedCommands},
	)
}

// silentPeers leaves connections open that say nothing, or half a hello, while the bystander works.
func silentPeers(t *testing.T, b *bystander) {
	b.eachRPCPort(func(_, address string) {
		for i := range 2 * len(goodHello) {
			_, err := io.WriteString(dial(t, address), goodHello[:i%len(goodHello)])
			require.NoError(t, err)
		}
	})
}

// truncatedFrames ends connections within a frame, at every byte.
func truncatedFrames(t *testing.T, b *bystander) {
	frame := string(rpcFrame(requestFrame, 1, 20, "a body"))
	b.eachRPCPort(func(_, address string) {
		for n := range frame {
			conn := dial(t, address)
			_, err := io.WriteString(conn, goodHello+frame[:n])
			require.NoError(t, err)
			require.NoError(t, conn.Close())
		}
	})
}

// cancelOfNothing cancels calls that were never made, and repeats the id of one that was: both are no reason to end the
// connection, which then answers a good call.
func cancelOfNothing(t *testing.T, b *bystander) {
	b.eachRPCPort(func(id, address string) {
		conn := dial(t, address)
		request := string(rpcFrame(requestFrame, 9, 100, ""))
		_, err := io.WriteString(conn, goodHello+string(rpcFrame(4, 7, 0, ""))+request+request)
		require.NoError(t, err)
		answer := make([]byte, len(goodHello)+frameCRCOffset)
		_, err = io.ReadFull(conn, answer)
		require.NoError(t, err, id)
		require.Equal(t, uint64(9), wire.BigEndian.Uint64(answer[len(goodHello)+5:]), id)
	})
}

// garbageBodies are bodies that mean nothing to any method. Numbers in them are small: a raft message with a high term
// would be believed, and that is right.
func garbageBodies() [][]byte {
	rng := rand.New(rand.NewPCG(garbageSeed, 2))
	bodies := [][]byte{
		nil, {0}, {0xff}, {0xc1}, []byte("{}"), []byte("GET / HTTP/1.1\r\n\r\n"),
		make([]byte, 64<<10),
		{0xdd, 0xff, 0xff, 0xff, 0xff},       // msgpack: an array of 4 Gi values
		{0xdf, 0xff, 0xff, 0xff, 0xff},       // a map
		{0xc6, 0xff, 0xff, 0xff, 0xff, 1, 2}, // bytes
		{0xdb, 0xff, 0xff, 0xff, 0xff, 'a'},  // a string
		{0xc9, 0x7f, 0xff, 0xff, 0xff, 1},    // an extension
	}
	nested := make([]byte, 100_000)
	for i := range nested {
		nested[i] = 0x91 // an array of one
	}
	bodies = append(bodies, nested)
	for n := range byte(14) { // arrays of so many values that are all alike
		for _, value := range [][]byte{{0}, {1}, {0xc0}, {0xc3}, {0xa0}, {0x90}, {0x80}, {0xc4, 0}, {0xa1, 'a'}, {0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0}} {
			body := []byte{0x90 | n}
			for range n {
				body = append(body, value...)
			}
			bodies = append(bodies, body)
		}
	}
	for n := range 60 { // zeros of every length that a plain format might have, and random bytes
		random := make([]byte, n)
		for i := range random {
			random[i] = byte(rng.Uint32())
		}
		bodies = append(bodies, make([]byte, n), random)
	}
	return bodies
}

// garbageForEveryMethod calls every method of every process with every garbage body, through the client that the product
// itself uses. An answer must come, and on the same connection: an end of it would show as another kind of error.
func garbageForEveryMethod(t *testing.T, b *bystander) {
	client := rpc.NewClient(nodetest.RealHost(t), rpc.DefaultConfig())
	defer client.Close()
	bodies := garbageBodies()
	var calls sync.WaitGroup
	b.eachRPCPort(func(id, address string) {
		calls.Go(func() {
			taken := map[rpc.Method]int{}
			for method := rpc.Method(1); method <= lastMethod; method++ {
				for i, body := range bodies {
					err := call(t.Context(), client, address, method, body)
					var answer *rpc.RemoteError
					switch {
					case err == nil:
						taken[method]++
					case method == methodWait && errors.Is(err, context.DeadlineExceeded): // it waited
					case !errors.As(err, &answer):
						t.Errorf("%s, method %d, body %d: %v", id, method, i, err)
						return
					}
					if answer != nil && answer.Code == rpc.CodeUnknownMethod {
						break // nobody looks at the other bodies
					}
				}
			}
			t.Logf("%s answered without an error, so often by method: %v", id, taken)
		})
	})
	calls.Wait()
}

func call(ctx context.Context, client *rpc.Client, address string, method rpc.Method, body []byte) error {
	patience := answerTimeout
	if method == methodWait {
		patience = 100 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := client.Call(ctx, address, method, body)
	return err
}

// damagedCommands sends commands with flipped bits, cut short and stretched to every slot on every backend. Those of a
// leader go into its log and are decoded on all its followers: what none of them can carry out must end none of them.
func damagedCommands(t *testing.T, b *bystander) {
	client := rpc.NewClient(nodetest.RealHost(t), rpc.DefaultConfig())
	defer client.Close()
	// No queue has this id, so that the damaged commands cannot be meant for anybody.
	partition := queue.PartitionID{Queue: 1 << 62}
	commands := []queue.Command{
		{Kind: queue.KindConfigure, Settings: &queue.Settings{Version: 1, FIFO: true, RetentionMs: 60_000}},
		{Kind: queue.KindSend, Sends: []queue.Send{{MessageID: [16]byte{1}, Body: []byte("body"), Group: "g", DedupID: "d"}}},
		{Kind: queue.KindReceive, Receive: &queue.Receive{Max: 10, VisibilityMs: 1000, AttemptID: "a"}},
		{Kind: queue.KindVisibility, Changes: []queue.VisibilityChange{{Handle: queue.Handle{Seq: 1, Receive: 1}, VisibilityMs: 1000}}},
		{Kind: queue.KindDelete, Deletes: []queue.Handle{{Seq: 1, Receive: 1}}},
		{Kind: queue.KindPurge},
		{Kind: queue.KindExpire},
		{Kind: queue.KindDrop},
	}
	var calls sync.WaitGroup
	for number, p := range b.file.Of("backend") {
		calls.Go(func() {
			rng := rand.New(rand.NewPCG(garbageSeed, uint64(3+number)))
			for slot := range b.file.Slots + 1 {
				for i := range commands {
					c := commands[i]
					c.Session, c.Seq, c.Partition, c.SettingsVersion = uint64(i), 1, partition, 1
					for range mutationsOfEach / b.file.Slots {
						body := wire.LittleEndian.AppendUint16(nil, uint16(slot))
						body = append(body, byte(c.Kind))
						body = append(body, damage(rng, c.Encode())...)
						err := call(t.Context(), client, p.RPC, methodExecute, body)
						if answer := (*rpc.RemoteError)(nil); err != nil && !errors.As(err, &answer) {
							t.Errorf("%s, slot %d, %v: %v", p.ID, slot, c.Kind, err)
							return
						}
					}
				}
			}
		})
	}
	calls.Wait()
}

// damage changes some bits of b, or its length.
func damage(rng *rand.Rand, b []byte) []byte {
	switch rng.IntN(4) {
	case 0:
		return b[:rng.IntN(len(b))]
	case 1:
		return append(b, fmt.Sprint(rng.Uint64())...)
	default:
		for range 1 + rng.IntN(3) {
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		}
		return b
	}
}
