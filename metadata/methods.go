package metadata

import (
	"context"

	"chasqui/metadata/catalog"
	"chasqui/metadata/codec"
	"chasqui/node/rpc"

	"github.com/vmihailenco/msgpack/v5"
)

// The RPC methods of a metadata host. Bodies are msgpack records.
const (
	// methodChange carries a catalog.Command and answers a catalog.Result. Leader only.
	methodChange rpc.Method = 20
	// methodGetQueue carries a queueKey and answers a catalog.Result. Leader only.
	methodGetQueue rpc.Method = 21
	// methodListQueues carries a listRequest and answers a listAnswer. Leader only.
	methodListQueues rpc.Method = 22
	// methodHeartbeat carries a HeartbeatInfo and answers a HeartbeatAnswer. Any host.
	methodHeartbeat rpc.Method = 23
	// methodTopology carries nothing and answers a Topology. Any host.
	methodTopology rpc.Method = 24
	// methodStatus carries nothing and answers a Status. Any host, each about what it sees itself.
	methodStatus rpc.Method = 25
	// methodListSources carries a sourcesRequest and answers a listAnswer. Leader only.
	methodListSources rpc.Method = 26
	// methodListDeleted carries a listRequest and answers a deletedAnswer. Leader only.
	methodListDeleted rpc.Method = 27

	methodFirst = methodChange
	methodLast  = methodListDeleted
)

// ListLimitMax is the largest number of names in one answer of ListQueues.
const ListLimitMax = 1000

// Caller makes RPCs; *rpc.Client is one. Its errors keep the three outcomes apart: rpc.ErrNotSent, rpc.ErrUnknown, and
// *rpc.RemoteError for an answer.
type Caller interface {
	Call(ctx context.Context, address string, m rpc.Method, body []byte) ([]byte, error)
}

var _ Caller = (*rpc.Client)(nil)

// queueKey names a queue.
type queueKey struct{ account, name string }

func (k *queueKey) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(2)
	w.String(k.account)
	w.String(k.name)
	return w.Err()
}

func (k *queueKey) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	r.Fields(2)
	k.account = r.String(catalog.AccountBytesMax)
	k.name = r.String(catalog.NameBytesMax)
	return r.Err()
}

// listRequest asks for the names of an account's queues that begin with prefix and come after the name after.
type listRequest struct {
	account, prefix, after string
	limit                  int
}

func (l *listRequest) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(4)
	w.String(l.account)
	w.String(l.prefix)
	w.String(l.after)
	w.Uint(uint64(l.limit))
	return w.Err()
}

func (l *listRequest) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	r.Fields(4)
	l.account = r.String(catalog.AccountBytesMax)
	l.prefix = r.String(catalog.NameBytesMax)
	l.after = r.String(catalog.NameBytesMax)
	l.limit = int(r.UintUpTo(ListLimitMax))
	return r.Err()
}

// sourcesRequest asks for the names of an account's queues that come after the name after and whose dead-letter queue
// is the one with an ARN.
type sourcesRequest struct {
	account, arn, after string
	limit               int
}

// arnBytesMax bounds the ARN of a queue.
const arnBytesMax = 256

func (l *sourcesRequest) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(4)
	w.String(l.account)
	w.String(l.arn)
	w.String(l.after)
	w.Uint(uint64(l.limit))
	return w.Err()
}

func (l *sourcesRequest) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	r.Fields(4)
	l.account = r.String(catalog.AccountBytesMax)
	l.arn = r.String(arnBytesMax)
	l.after = r.String(catalog.NameBytesMax)
	l.limit = int(r.UintUpTo(ListLimitMax))
	return r.Err()
}

// listAnswer holds names in order, and whether there are more.
type listAnswer struct {
	names []string
	more  bool
}

func (l *listAnswer) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(2)
	w.Fields(len(l.names))
	for _, name := range l.names {
		w.String(name)
	}
	w.Bool(l.more)
	return w.Err()
}

func (l *listAnswer) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	r.Fields(2)
	l.names = make([]string, r.List(ListLimitMax))
	for i := range l.names {
		l.names[i] = r.String(catalog.NameBytesMax)
	}
	l.more = r.Bool()
	return r.Err()
}
