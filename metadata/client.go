package metadata

import (
	"context"
	"fmt"
	"sync"
	"time"

	"chasqui/metadata/catalog"
	"chasqui/node"
	"chasqui/node/rpc"
)

// Client asks the metadata service. It is safe for concurrent use.
//
// Every method tries the metadata hosts again and again, with short pauses, until ctx ends (after callTimeout if ctx
// has no deadline), and returns errors of this package. Changes carry a request id, so that a change whose
// answer was lost is answered and not repeated when it is sent again.
type Client struct {
	host      node.Host
	caller    Caller
	addresses []string

	mu     sync.Mutex // guards the fields below
	leader string     // the address that led last; "" if not known
	next   int        // index in addresses of the next one to try without a known leader
}

// NewClient returns a client of the metadata hosts at addresses, of which there must be one at least.
func NewClient(host node.Host, caller Caller, addresses []string) *Client {
	if len(addresses) == 0 {
		panic("metadata client: no addresses of metadata hosts")
	}
	return &Client{host: host.With("part", "metadata client"), caller: caller, addresses: addresses}
}

// CreateRequest describes a queue to be created.
type CreateRequest struct {
	// RequestID identifies the request over all its attempts. Zero: the client makes one up.
	RequestID     catalog.RequestID
	Account, Name string
	// Attributes holds the values of the attributes named in Given (catalog.AttributeNames has all names). The others
	// get their defaults, whatever Attributes says.
	Attributes catalog.Attributes
	Given      []string
	Tags       map[string]string
	// ReceiptKey is the secret that will authenticate the queue's receipt handles.
	ReceiptKey [32]byte
}

// CreateQueue makes a queue, or returns the existing one if it has the given attributes. Creation is linearizable.
// Errors: ErrQueueExists, ErrDeletedRecently, ErrInvalidAttribute, ErrLimitReached, ErrInvalidRequest,
// ErrUnavailable, ErrUnknownOutcome.
func (c *Client) CreateQueue(ctx context.Context, request CreateRequest) (*catalog.Queue, error) {
	return c.change(ctx, "create", &catalog.Command{
		RequestID: request.RequestID, Kind: catalog.KindCreateQueue, Account: request.Account, Name: request.Name,
		Patch: catalog.Patch{Given: request.Given, Values: request.Attributes},
		Tags:  request.Tags, ReceiptKey: request.ReceiptKey,
	})
}

// SetRequest describes a change of a queue's attributes or tags.
type SetRequest struct {
	// RequestID identifies the request over all its attempts. Zero: the client makes one up.
	RequestID     catalog.RequestID
	Account, Name string
	// Attributes holds the values of the attributes named in Given. The others stay as they are.
	Attributes catalog.Attributes
	Given      []string
	// IfVersion, unless it is 0, is the version that the record must have; ErrConflict if it has another.
	IfVersion uint64
	// RemoveTags are removed, then Tags are set. Removing a tag that is not there is no error.
	Tags       map[string]string
	RemoveTags []string
}

// SetAttributes changes what the request gives and returns the record after it. Errors: ErrNoSuchQueue,
// ErrInvalidAttribute, ErrTooManyTags, ErrConflict, ErrInvalidRequest, ErrUnavailable, ErrUnknownOutcome.
func (c *Client) SetAttributes(ctx context.Context, request SetRequest) (*catalog.Queue, error) {
	return c.change(ctx, "set attributes of", &catalog.Command{
		RequestID: request.RequestID, Kind: catalog.KindSetAttributes, Account: request.Account, Name: request.Name,
		Patch: catalog.Patch{Given: request.Given, Values: request.Attributes},
		Tags:  request.Tags, RemoveTags: request.RemoveTags, IfVersion: request.IfVersion,
	})
}

// MarkPurged notes that a queue is being purged, and returns the record after it; the caller then purges the
// partitions. Errors: ErrNoSuchQueue, ErrPurgeInProgress, ErrInvalidRequest, ErrUnavailable, ErrUnknownOutcome.
func (c *Client) MarkPurged(ctx context.Context, account, name string) (*catalog.Queue, error) {
	return c.change(ctx, "mark as purged", &catalog.Command{Kind: catalog.KindMarkPurged, Account: account, Name: name})
}

func (c *Client) change(ctx context.Context, verb string, command *catalog.Command) (*catalog.Queue, error) {
	if command.RequestID == (catalog.RequestID{}) {
		if _, err := c.host.Random.Read(command.RequestID[:]); err != nil {
			return nil, fmt.Errorf("make a request id: %w", err)
		}
	}
	if err := command.Validate(); err != nil {
		return nil, fmt.Errorf("%s queue: %w: %w", verb, ErrInvalidRequest, err)
	}
	q, err := c.askForQueue(ctx, methodChange, command.Encode())
	if err != nil {
		return nil, fmt.Errorf("%s queue %s/%s: %w", verb, command.Account, command.Name, err)
	}
	return q, nil
}

// GetQueue reads a queue's record. The read is linearizable: it sees every change acknowledged before the call.
// Errors: ErrNoSuchQueue, ErrUnavailable.
func (c *Client) GetQueue(ctx context.Context, account, name string) (*catalog.Queue, error) {
	q, err := c.askForQueue(ctx, methodGetQueue, rpc.Encode(&queueKey{account: account, name: name}))
	if err != nil {
		return nil, fmt.Errorf("get queue %s/%s: %w", account, name, err)
	}
	return q, nil
}

func (c *Client) askForQueue(ctx context.Context, method rpc.Method, body []byte) (*catalog.Queue, error) {
	answer, err := c.askLeader(ctx, method, body)
	if err != nil {
		return nil, err
	}
	var result catalog.Result
	if err := rpc.Decode(answer, &result); err != nil {
		return nil, c.unreadable(method, err)
	}
	if err := resultError(&result); err != nil {
		return nil, err
	}
	if result.Queue == nil {
		return nil, c.unreadable(method, fmt.Errorf("it has no queue"))
	}
	return result.Queue, nil
}

// unreadable is the error for an answer that makes no sense: a change may have taken effect.
func (c *Client) unreadable(method rpc.Method, err error) error {
	outcome := ErrUnavailable
	if method == methodChange {
		outcome = ErrUnknownOutcome
	}
	return fmt.Errorf("%w: read the answer: %w", outcome, err)
}

// ListQueues returns, in order, the names of up to limit (1 to ListLimitMax) queues of an account that begin with
// prefix and come after the name after. next is the value of after for the following call, "" if there are no more.
// The read is linearizable. Error: ErrUnavailable.
func (c *Client) ListQueues(ctx context.Context, account, prefix, after string, limit int) (names []string, next string, err error) {
	request := listRequest{account: account, prefix: prefix, after: after, limit: min(max(limit, 1), ListLimitMax)}
	return c.askForNames(ctx, methodListQueues, rpc.Encode(&request), account)
}

// ListSources is ListQueues for the queues whose dead-letter queue is the one with an ARN.
func (c *Client) ListSources(ctx context.Context, account, arn, after string, limit int) (names []string, next string, err error) {
	request := sourcesRequest{account: account, arn: arn, after: after, limit: min(max(limit, 1), ListLimitMax)}
	return c.askForNames(ctx, methodListSources, rpc.Encode(&request), account)
}

func (c *Client) askForNames(ctx context.Context, method rpc.Method, body []byte, account string) (names []string, next string, err error) {
	body, err = c.askLeader(ctx, method, body)
	if err != nil {
		return nil, "", fmt.Errorf("list queues of %s: %w", account, err)
	}
	var answer listAnswer
	if err := rpc.Decode(body, &answer); err != nil {
		return nil, "", fmt.Errorf("list queues of %s: %w", account, c.unreadable(method, err))
	}
	if answer.more && len(answer.names) > 0 {
		next = answer.names[len(answer.names)-1]
	}
	return answer.names, next, nil
}

// Topology asks any metadata host where the slots are. Error: ErrUnavailable.
func (c *Client) Topology(ctx context.Context) (*Topology, error) {
	body, err := c.askAny(ctx, methodTopology, nil)
	if err != nil {
		return nil, fmt.Errorf("get topology: %w", err)
	}
	topology := new(Topology)
	if err := rpc.Decode(body, topology); err != nil {
		return nil, fmt.Errorf("get topology: %w", c.unreadable(methodTopology, err))
	}
	return topology, nil
}

// Timing of a client's attempts.
const (
	// callTimeout is the deadline of a call whose context has none.
	callTimeout = 10 * time.Second
	// attemptTimeout bounds one attempt, so that a host that hangs leaves time to ask another. It is longer than an
	// election.
	attemptTimeout = 2 * time.Second
	// backoffMin is the first pause between attempts; it doubles up to backoffMax, and a random half is taken off.
	backoffMin = 10 * time.Millisecond
	backoffMax = 250 * time.Millisecond
)
