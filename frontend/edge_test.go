package frontend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chasqui/backend"
	"chasqui/backend/queue"
	"chasqui/frontend/protocol"
	"chasqui/metadata/catalog"

	"github.com/stretchr/testify/require"
)

func TestAnswerHeaders(t *testing.T) {
	s := newWorld(t).frontend(t)
	answer := s.send("CreateQueue", `{"QueueName":"q"}`)
	require.Equal(t, http.StatusOK, answer.status)
	require.Equal(t, []string{"application/x-amz-json-1.0"}, answer.header["Content-Type"])
	require.Equal(t, []string{fmt.Sprint(len(answer.body))}, answer.header["Content-Length"])
	require.Len(t, answer.header["x-amzn-RequestId"][0], 36)
	require.Nil(t, answer.header["x-amzn-query-error"])

	void := s.send("SetQueueAttributes", `{"QueueUrl":"q","Attributes":{"DelaySeconds":"0"}}`)
	require.Equal(t, http.StatusOK, void.status)
	require.Empty(t, void.body)
	require.Equal(t, []string{"0"}, void.header["Content-Length"])

	missing := s.send("GetQueueUrl", `{"QueueName":"r"}`)
	require.Equal(t, []string{"AWS.SimpleQueueService.NonExistentQueue;Sender"}, missing.header["x-amzn-query-error"])

	// The PHP SDK sends requests to the queue's own path.
	ownPath := s.ask(http.MethodPost, "/"+testAccount+"/q", strings.NewReader(`{"QueueUrl":"q","MessageBody":"a"}`), "X-Amz-Target", "AmazonSQS.SendMessage")
	require.Equal(t, http.StatusOK, ownPath.status)
}

func TestRefusedRequests(t *testing.T) {
	s := newWorld(t).frontend(t)
	const noTarget = "Not Found UnknownOperationException: The request names no action of this service."
	require.Equal(t, noTarget, s.failure(s.ask(http.MethodPost, "/", strings.NewReader("{}"), "Content-Type", "application/x-amz-json-1.0")))
	require.Equal(t, noTarget, s.failure(s.ask(http.MethodPost, "/", strings.NewReader("{}"), "X-Amz-Target", "AmazonSNS.Publish")))
	require.Equal(t, noTarget, s.failure(s.ask(http.MethodGet, "/", nil, "X-Amz-Target", "AmazonSQS.ListQueues")))
	require.Equal(t, "Bad Request InvalidAction: The action Boil is not valid for this endpoint.", s.failure(s.send("Boil", "{}")))
	require.Equal(t, "Bad Request SerializationException: The request body is not a JSON object.", s.failure(s.send("ListQueues", "QueueNamePrefix=a")))
	require.Equal(t, "Bad Request SerializationException: STRING_VALUE can not be converted to an integer.", s.failure(s.send("ListQueues", `{"MaxResults":"1"}`)))
}

// endless is a body that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestBodies(t *testing.T) {
	s := newWorld(t).frontend(t)
	const large = "Request Entity Too Large RequestEntityTooLarge: The request body is longer than 4194304 bytes."
	target := []string{"X-Amz-Target", "AmazonSQS.ListQueues"}
	announced := strings.Repeat(" ", protocol.MaxBodyBytes+1)
	require.Equal(t, large, s.failure(s.send("ListQueues", announced)))
	require.Equal(t, large, s.failure(s.ask(http.MethodPost, "/", endless{}, target...)))
	require.Equal(t, http.StatusOK, s.send("ListQueues", announced[:protocol.MaxBodyBytes-2]+"{}").status)
	chunked := io.MultiReader(strings.NewReader(`{"Max`), strings.NewReader(`Results":1}`))
	require.Equal(t, http.StatusOK, s.ask(http.MethodPost, "/", chunked, target...).status)
	broken := io.MultiReader(strings.NewReader(`{`), errorReader{})
	require.Equal(t, "Bad Request SerializationException: The request body ended too early.", s.failure(s.ask(http.MethodPost, "/", broken, target...)))
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestOutcomesAtTheEdge(t *testing.T) {
	const unavailable = "Service Unavailable ServiceUnavailable: The service could not complete the request in time; it may or may not have taken effect. Try again."
	const overloaded = "Service Unavailable ServiceUnavailable: The service has more requests than it can answer. Try again."
	const internal = "Internal Server Error InternalFailure: The request could not be completed because of an internal error."
	for name, test := range map[string]struct {
		refuse func(slot uint16, command *queue.Command) error
		want   string
	}{
		"not done": {func(uint16, *queue.Command) error { return fmt.Errorf("slot 1: %w", backend.ErrUnavailable) }, unavailable},
		"unknown":  {func(uint16, *queue.Command) error { return fmt.Errorf("slot 1: %w", backend.ErrUnknownOutcome) }, unavailable},
		"deadline": {func(uint16, *queue.Command) error { return context.DeadlineExceeded }, unavailable},
		"other":    {func(uint16, *queue.Command) error { return errors.New("no idea") }, internal},
		"panic":    {func(uint16, *queue.Command) error { panic("a mistake") }, internal},
		"one of many": {func(_ uint16, command *queue.Command) error {
			if command.Partition.Partition == 1 {
				return backend.ErrUnavailable
			}
			return nil
		}, unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.frontend(t)
			urls := []string{s.create("q.fifo", "FifoQueue", "true", "ContentBasedDeduplication", "true", "ChasquiPartitions", "4")}
			if name != "one of many" {
				urls = append(urls, s.create("q"))
			}
			var list []document
			for i := range 10 {
				list = append(list, document{"MessageBody": fmt.Sprint(i), "MessageGroupId": fmt.Sprint("g", i)})
			}
			w.mu.Lock()
			w.refuse = test.refuse
			w.mu.Unlock()
			for _, url := range urls {
				require.Equal(t, test.want, s.fails("SendMessageBatch", document{"QueueUrl": url, "Entries": entries(list...)}))
				require.Equal(t, test.want, s.fails("PurgeQueue", document{"QueueUrl": url}))
			}
			require.Zero(t, s.load.inFlight.Load())
		})
	}

	t.Run("retry after", func(t *testing.T) {
		w := newWorld(t)
		s := w.frontend(t)
		w.unreachable = true
		answer := s.send("GetQueueUrl", `{"QueueName":"q"}`)
		require.Equal(t, unavailable, s.failure(answer))
		require.Equal(t, []string{"1"}, answer.header["Retry-After"])
		require.Equal(t, []string{"ServiceUnavailable;Receiver"}, answer.header["x-amzn-query-error"])
	})
	t.Run("slot is full", func(t *testing.T) {
		w := newWorld(t)
		s := w.frontend(t)
		s.create("q")
		s.backend = codeBackend{w, queue.Overloaded}
		require.Equal(t, overloaded, s.fails("SendMessage", document{"QueueUrl": "q", "MessageBody": "a"}))
		s.backend = codeBackend{w, queue.StaleSettings}
		require.Equal(t, unavailable, s.fails("SendMessage", document{"QueueUrl": "q", "MessageBody": "a"}))
		s.backend = codeBackend{w, queue.BadCommand}
		require.Equal(t, internal, s.fails("SendMessage", document{"QueueUrl": "q", "MessageBody": "a"}))
		s.backend = codeBackend{w, queue.OverLimit}
		require.Equal(t, "Forbidden OverLimit: Too many messages are in flight in this queue: receive fewer or delete those that are done.",
			s.fails("ReceiveMessage", document{"QueueUrl": "q"}))
		require.Empty(t, s.receive("q", "WaitTimeSeconds", 1))
	})
}

// codeBackend answers every command with one code.
type codeBackend struct {
	*world
	code queue.Code
}

func (b codeBackend) Do(context.Context, uint16, *queue.Command, time.Duration) (*queue.Result, error) {
	return &queue.Result{Code: b.code}, nil
}

func TestStaleRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, other := w.frontend(t), w.frontend(t)
		url := s.create("q", "ChasquiPartitions", "2")
		send := func(s *testServer) { s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "a"}) }
		send(other)
		require.Equal(t, []queue.Kind{queue.KindSend, queue.KindConfigure, queue.KindSend}, w.kinds(), "a partition is configured by its first command")
		send(other)
		w.kinds()
		send(other)
		require.Equal(t, []queue.Kind{queue.KindSend}, w.kinds())

		// A change is known to every partition when it is answered; the other frontend finds out.
		s.ok("SetQueueAttributes", document{"QueueUrl": url, "Attributes": document{"MaximumMessageSize": "1024"}})
		require.Equal(t, []queue.Kind{queue.KindConfigure, queue.KindConfigure}, w.kinds())
		send(other)
		require.Equal(t, []queue.Kind{queue.KindSend, queue.KindSend}, w.kinds(), "refused, then done with the newer record")

		// A queue deleted and made again by others is not mistaken for the old one.
		old := other.receive(url)[0]["ReceiptHandle"].(string)
		s.ok("DeleteQueue", document{"QueueUrl": url})
		time.Sleep(61 * time.Second)
		s.create("q", "MaximumMessageSize", "2048")
		send(other)
		require.Equal(t, []string{"a"}, bodies(s.receive(url)))
		require.Contains(t, other.fails("DeleteMessage", document{"QueueUrl": url, "ReceiptHandle": old}), "ReceiptHandleIsInvalid")
	})
}

func TestOverload(t *testing.T) {
	w := newWorld(t)
	s := w.frontend(t, func(c *Config) { c.MaxInFlight, c.MaxLongPolls = 10, 1 })
	s.create("q")
	const overloaded = "Service Unavailable ServiceUnavailable: The service has more requests than it can answer. Try again."
	s.load.inFlight.Store(8)
	require.Equal(t, overloaded, s.fails("SendMessage", document{"QueueUrl": "q", "MessageBody": "a"}))
	require.Empty(t, s.receive("q"))
	s.load.inFlight.Store(9)
	require.Equal(t, overloaded, s.fails("ReceiveMessage", document{"QueueUrl": "q"}))
	require.Contains(t, s.fails("DeleteMessage", document{"QueueUrl": "q", "ReceiptHandle": "x"}), "ReceiptHandleIsInvalid")
	s.load.inFlight.Store(10)
	require.Equal(t, overloaded, s.fails("DeleteMessage", document{"QueueUrl": "q", "ReceiptHandle": "x"}))
	s.load.inFlight.Store(0)
	s.load.longPolls.Store(1)
	require.Equal(t, overloaded, s.fails("ReceiveMessage", document{"QueueUrl": "q", "WaitTimeSeconds": 1}))
	require.Empty(t, s.receive("q"))
	require.Zero(t, s.load.inFlight.Load())
	require.Equal(t, int64(1), s.load.longPolls.Load())
}

func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.frontend(t)
		health := func() string {
			asked := time.Now()
			answer := s.ask(http.MethodGet, "/healthz", nil)
			require.Zero(t, time.Since(asked), "a balancer does not wait for long")
			synctest.Wait() // for what is asked behind the answer
			return fmt.Sprint(answer.status, " ", string(answer.body))
		}
		w.unreachable = true
		require.Equal(t, "503 metadata service is out of reach\n", health(), "it knows no slot")
		w.unreachable = false
		time.Sleep(time.Second)
		require.Equal(t, "200 ok\n", health())
		w.unreachable = true
		require.Equal(t, "200 ok\n", health(), "the answer is kept for a second")
		time.Sleep(time.Second)
		health()
		require.Equal(t, "200 ok, but the metadata service is out of reach\n", health())
		w.unreachable = false
		time.Sleep(time.Second)
		health()
		require.Equal(t, "200 ok\n", health())
		w.mute.Store(true)
		for range 3 {
			time.Sleep(time.Second)
			require.Equal(t, "200 ok\n", health(), "nobody knows yet that there will be no answer")
		}
		time.Sleep(DefaultConfig().RequestTimeout)
		require.Equal(t, "200 ok, but the metadata service is out of reach\n", health())
		w.mute.Store(false)
		s.Drain()
		require.Equal(t, "503 draining\n", health())
		s.create("still-answered")
	})
}

func TestConfigValidate(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"account":       func(c *Config) { c.DefaultAccount = "12345678901x" },
		"region":        func(c *Config) { c.DefaultRegion = "" },
		"public URL":    func(c *Config) { c.PublicURL = "sqs.example.org" },
		"timeout":       func(c *Config) { c.RequestTimeout = 0 },
		"write timeout": func(c *Config) { c.WriteTimeout = 20 * time.Second },
		"limit":         func(c *Config) { c.MaxInFlight = 0 },
	} {
		config := DefaultConfig()
		require.NoError(t, config.Validate())
		spoil(&config)
		require.Error(t, config.Validate(), name)
	}
}

func TestServe(t *testing.T) {
	w := newWorld(t)
	s := w.frontend(t, func(c *Config) { c.MaxConnections = 1 })
	listener, err := w.host.Network.Listen("127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	w.host.Tasks.Go("serve", func(context.Context) { served <- s.Serve(listener) })
	url := "http://" + listener.Addr().String() + "/healthz"
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range 3 { // the one connection is given back each time
		response, err := client.Get(url)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.NoError(t, response.Body.Close())
	}
	require.NoError(t, s.Shutdown(t.Context()))
	require.NoError(t, <-served)
	_, err = client.Get(url)
	require.Error(t, err)
	s.Close()
	s.Close()
}

func TestGroupPartitionNeverChanges(t *testing.T) {
	record := &catalog.Queue{Slots: make([]uint16, 64)}
	for group, want := range map[string]int{"": 37, "a": 12, "customer-1234": 16} {
		require.Equal(t, want, backend.GroupPartition(record, group), group)
	}
}
