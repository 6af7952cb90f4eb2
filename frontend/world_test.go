package frontend

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chasqui/backend"
	"chasqui/backend/queue"
	"chasqui/metadata"
	"chasqui/metadata/catalog"
	"chasqui/node"
	"chasqui/node/real"

	"github.com/stretchr/testify/require"
)

const testAccount = "123456789012"

// world is a cluster without network, disk and replicas: the real state machines, each command applied at once under a
// lock. It is Catalog and Backend; every frontend has its own Records.
type world struct {
	host node.Host

	mu       sync.Mutex // guards the fields below
	catalog  *catalog.Catalog
	slots    [4]*queue.Machine
	changed  chan struct{} // closed and replaced by every command
	commands []queue.Command

	// refuse, when set, is asked before every command; its error is the command's.
	refuse func(slot uint16, command *queue.Command) error
	// unreachable makes the metadata service fail.
	unreachable bool

	// mute makes the metadata service give no answer to those who ask for news.
	mute atomic.Bool
}

var (
	_ Catalog = (*world)(nil)
	_ Backend = (*world)(nil)
	_ Records = (*records)(nil)
)

func newWorld(t testing.TB) *world {
	t.Helper()
	host, err := real.New(real.Options{Name: "test", LogOutput: io.Discard})
	require.NoError(t, err)
	t.Cleanup(host.Tasks.Stop)
	w := &world{host: host, catalog: catalog.New(), changed: make(chan struct{})}
	for i := range w.slots {
		w.slots[i] = queue.NewMachine()
	}
	w.change(t, &catalog.Command{Kind: catalog.KindRegisterHost, Host: catalog.Host{ID: "h", Incarnation: 1, Address: "h:1"}})
	w.change(t, &catalog.Command{Kind: catalog.KindAssignSlots, Assignment: catalog.Assignment{{"h"}, {"h"}, {"h"}, {"h"}}})
	return w
}

func (w *world) change(t testing.TB, command *catalog.Command) {
	t.Helper()
	_, err := w.apply(command)
	require.NoError(t, err)
}

func (w *world) nowMs() int64 { return w.host.Clock.Now().UnixMilli() }

// apply carries out a command of the catalog.
func (w *world) apply(command *catalog.Command) (*catalog.Queue, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unreachable {
		return nil, metadata.ErrUnavailable
	}
	result := w.catalog.Apply(w.nowMs(), [][]byte{command.Encode()})[0].(*catalog.Result)
	switch result.Code {
	case catalog.OK:
		return result.Queue, nil
	case catalog.QueueExists:
		return nil, &metadata.QueueExistsError{Attribute: result.Attribute}
	case catalog.NoSuchQueue:
		return nil, metadata.ErrNoSuchQueue
	case catalog.DeletedRecently:
		return nil, metadata.ErrDeletedRecently
	case catalog.PurgeInProgress:
		return nil, metadata.ErrPurgeInProgress
	case catalog.InvalidAttribute:
		return nil, &metadata.InvalidAttributeError{Attribute: result.Attribute, Reason: result.Detail}
	case catalog.TooManyTags:
		return nil, metadata.ErrTooManyTags
	case catalog.Conflict:
		return nil, metadata.ErrConflict
	case catalog.Protected:
		return nil, metadata.ErrProtected
	default:
		return nil, errors.New(result.Code.String() + ": " + result.Detail)
	}
}

func (w *world) CreateQueue(_ context.Context, r metadata.CreateRequest) (*catalog.Queue, error) {
	return w.apply(&catalog.Command{Kind: catalog.KindCreateQueue, Account: r.Account, Name: r.Name, CooldownMs: 60_000,
		Patch: catalog.Patch{Given: r.Given, Values: r.Attributes}, Tags: r.Tags, ReceiptKey: r.ReceiptKey})
}

func (w *world) SetAttributes(_ context.Context, r metadata.SetRequest) (*catalog.Queue, error) {
	return w.apply(&catalog.Command{Kind: catalog.KindSetAttributes, Account: r.Account, Name: r.Name,
		Patch: catalog.Patch{Given: r.Given, Values: r.Attributes}, Tags: r.Tags, RemoveTags: r.RemoveTags, IfVersion: r.IfVersion})
}

func (w *world) DeleteQueue(_ context.Context, account, name string) (*catalog.Queue, error) {
	return w.apply(&catalog.Command{Kind: catalog.KindDeleteQueue, Account: account, Name: name,
		Deletion: catalog.Deletion{RestoreMs: 3_600_000}})
}

func (w *world) MarkPurged(_ context.Context, account, name string) (*catalog.Queue, error) {
	return w.apply(&catalog.Command{Kind: catalog.KindMarkPurged, Account: account, Name: name, CooldownMs: 60_000})
}

func (w *world) GetQueue(_ context.Context, account, name string) (*catalog.Queue, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unreachable {
		return nil, metadata.ErrUnavailable
	}
	record, ok := w.catalog.Queue(account, name)
	if !ok {
		return nil, metadata.ErrNoSuchQueue
	}
	return record, nil
}

func (w *world) ListQueues(_ context.Context, account, prefix, after string, limit int) (names []string, next string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	names, next = page(w.catalog.List(account, prefix, after, limit))
	return names, next, nil
}

func (w *world) ListSources(_ context.Context, account, arn, after string, limit int) (names []string, next string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	names, next = page(w.catalog.ListSources(account, arn, after, limit))
	return names, next, nil
}

func page(found []*catalog.Queue, more bool) (names []string, next string) {
	for _, record := range found {
		names = append(names, record.Name)
	}
	if more {
		next = names[len(names)-1]
	}
	return names, next
}

// execute applies one command, by way of its bytes, as a backend would.
func (w *world) execute(slot uint16, command *queue.Command) (*queue.Result, error) {
	w.mu.Lock()
	refuse := w.refuse
	w.mu.Unlock()
	if refuse != nil {
		if err := refuse(slot, command); err != nil {
			return nil, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commands = append(w.commands, *command)
	result := w.slots[slot].Apply(w.nowMs(), [][]byte{command.Encode()})[0].(*queue.Result)
	close(w.changed)
	w.changed = make(chan struct{})
	return result, nil
}

// move makes the moves that messages are set aside for, and lets move tasks go on, as the leaders of slots do.
func (w *world) move() error {
	redriver := backend.NewRedriver(&records{world: w, cache: make(map[string]*catalog.Queue)}, w)
	for slot := uint16(0); int(slot) < len(w.slots); {
		w.mu.Lock()
		tasks, outgoing := w.slots[slot].Tasks(), w.slots[slot].Outgoing()
		w.mu.Unlock()
		for _, id := range tasks {
			if _, err := w.execute(slot, &queue.Command{Kind: queue.KindMoveTask, Partition: id, MoveTask: &queue.MoveTask{Operation: queue.TaskStep}}); err != nil {
				return err
			}
		}
		if len(outgoing) == 0 {
			slot++
			continue
		}
		n := 1
		for n < len(outgoing) && outgoing[n].Partition == outgoing[0].Partition {
			n++
		}
		through, returned, err := redriver.Carry(context.Background(), outgoing[:n])
		if err != nil {
			return err
		}
		settle := &queue.Command{Kind: queue.KindSettle, Partition: outgoing[0].Partition, Settle: &queue.Settle{Through: through, Returned: returned}}
		if _, err := w.execute(slot, settle); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) Do(ctx context.Context, slot uint16, command *queue.Command, wait time.Duration) (*queue.Result, error) {
	until := w.host.Clock.Now().Add(wait)
	for {
		result, err := w.execute(slot, command)
		if err == nil && command.Kind == queue.KindReceive {
			err = w.move()
		}
		if err != nil || wait <= 0 || result.Code != queue.OK || len(result.Messages) > 0 {
			return result, err
		}
		found, err := w.Wait(ctx, slot, command.Partition, command.SettingsVersion, 1, until.Sub(w.host.Clock.Now()))
		if err != nil || !found {
			return result, err
		}
	}
}

func (w *world) Wait(ctx context.Context, slot uint16, id queue.PartitionID, version uint64, _ int, wait time.Duration) (bool, error) {
	until := w.host.Clock.Now().Add(wait)
	for {
		w.mu.Lock()
		machine, now := w.slots[slot], w.nowMs()
		settings, _ := machine.Settings(id)
		found := machine.Receivable(id, now) || settings.Version != version
		next, timed := machine.NextEvent(id, now)
		changed := w.changed
		w.mu.Unlock()
		left := until.Sub(w.host.Clock.Now())
		if found || left <= 0 {
			return found, nil
		}
		if timed {
			left = min(left, time.Duration(next-now)*time.Millisecond)
		}
		timer := w.host.Clock.NewTimer(left)
		select {
		case <-changed:
		case <-timer.C():
		case <-ctx.Done():
			timer.Stop()
			return false, nil
		}
		timer.Stop()
	}
}

func (w *world) Stats(_ context.Context, slot uint16, id queue.PartitionID) (queue.Stats, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	stats, _ := w.slots[slot].Stats(id, w.nowMs())
	return stats, nil
}

// kinds returns what the commands so far did, and forgets them.
func (w *world) kinds() []queue.Kind {
	w.mu.Lock()
	defer w.mu.Unlock()
	var kinds []queue.Kind
	for i := range w.commands {
		kinds = append(kinds, w.commands[i].Kind)
	}
	w.commands = nil
	return kinds
}

// records is a cache that is never refreshed unless it is told to.
type records struct {
	world *world
	mu    sync.Mutex // guards cached
	cache map[string]*catalog.Queue
}

func (r *records) Queue(ctx context.Context, account, name string) (*catalog.Queue, error) {
	r.mu.Lock()
	record := r.cache[account+"/"+name]
	r.mu.Unlock()
	if record != nil {
		return record, nil
	}
	record, err := r.world.GetQueue(ctx, account, name)
	if err == nil {
		r.Store(record)
	}
	return record, err
}

func (r *records) Store(record *catalog.Queue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cache[record.Account+"/"+record.Name] = record
}

func (r *records) Invalidate(account, name string, olderThan uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if record := r.cache[account+"/"+name]; record != nil && record.Version < olderThan {
		delete(r.cache, account+"/"+name)
	}
}

func (r *records) Refresh(ctx context.Context) error {
	if r.world.mute.Load() {
		<-ctx.Done()
		return metadata.ErrUnavailable
	}
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	if r.world.unreachable {
		return metadata.ErrUnavailable
	}
	return nil
}

// frontend starts a frontend of the world, with a cache of its own.
func (w *world) frontend(t testing.TB, adjust ...func(*Config)) *testServer {
	t.Helper()
	config := DefaultConfig()
	for _, f := range adjust {
		f(&config)
	}
	s, err := NewServer(w.host, config, w, &records{world: w, cache: make(map[string]*catalog.Queue)}, w)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return &testServer{Server: s, t: t}
}

// testServer is a frontend with verbs for tests. They call the handler directly, as a client of testAccount.
type testServer struct {
	*Server
	t testing.TB
}

// reply is an answer.
type reply struct {
	status int
	header map[string][]string // names as they were set, some of them not in the form of net/http
	body   []byte
}

// send makes a request with a body and more header fields, given as name and value.
func (s *testServer) send(action, body string, header ...string) reply {
	s.t.Helper()
	return s.ask(http.MethodPost, "/", strings.NewReader(body), append([]string{"X-Amz-Target", "AmazonSQS." + action}, header...)...)
}

func (s *testServer) ask(method, path string, body io.Reader, header ...string) reply {
	s.t.Helper()
	r := httptest.NewRequest(method, "http://sqs.test"+path, body)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+testAccount+"/20250610/us-west-2/sqs/aws4_request, SignedHeaders=host, Signature=0")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return reply{w.Code, w.Header(), w.Body.Bytes()}
}

// document is a JSON object.
type document = map[string]any

// ok carries out an action that must succeed and returns its answer, nil if that is empty.
func (s *testServer) ok(action string, request document) document {
	s.t.Helper()
	body, err := json.Marshal(request)
	require.NoError(s.t, err)
	answer := s.send(action, string(body))
	require.Equal(s.t, http.StatusOK, answer.status, "%s: %s", action, answer.body)
	if len(answer.body) == 0 {
		return nil
	}
	var response document
	require.NoError(s.t, json.Unmarshal(answer.body, &response))
	return response
}

// fails carries out an action that must fail and returns "status type: message".
func (s *testServer) fails(action string, request document) string {
	s.t.Helper()
	body, err := json.Marshal(request)
	require.NoError(s.t, err)
	return s.failure(s.send(action, string(body)))
}

// failure describes an error answer, after a look at what every one must have.
func (s *testServer) failure(answer reply) string {
	s.t.Helper()
	var fault struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	require.NoError(s.t, json.NewDecoder(bytes.NewReader(answer.body)).Decode(&fault), "%s", answer.body)
	kind, found := strings.CutPrefix(fault.Type, "com.amazonaws.sqs#")
	require.True(s.t, found, fault.Type)
	side := "Sender"
	if answer.status >= 500 {
		side = "Receiver"
	}
	require.True(s.t, strings.HasSuffix(answer.header["x-amzn-query-error"][0], ";"+side))
	require.Len(s.t, answer.header["x-amzn-RequestId"][0], 36)
	return http.StatusText(answer.status) + " " + kind + ": " + fault.Message
}

// create makes a queue and returns its URL.
func (s *testServer) create(name string, attributes ...string) string {
	s.t.Helper()
	given := document{}
	for i := 0; i < len(attributes); i += 2 {
		given[attributes[i]] = attributes[i+1]
	}
	return s.ok("CreateQueue", document{"QueueName": name, "Attributes": given})["QueueUrl"].(string)
}

// receive takes messages and returns them.
func (s *testServer) receive(url string, more ...any) []document {
	s.t.Helper()
	request := document{"QueueUrl": url, "MaxNumberOfMessages": 10}
	for i := 0; i < len(more); i += 2 {
		request[more[i].(string)] = more[i+1]
	}
	var messages []document
	list, _ := s.ok("ReceiveMessage", request)["Messages"].([]any)
	for _, message := range list {
		messages = append(messages, message.(document))
	}
	return messages
}

// bodies returns the bodies of messages.
func bodies(messages []document) []string {
	var list []string
	for _, message := range messages {
		list = append(list, message["Body"].(string))
	}
	return list
}

// pause waits on the world's clock. It returns false if the world ends before.
func pause(w *world, d time.Duration) bool {
	return node.Wait(w.host.Tasks.Context(), w.host.Clock, d) == nil
}
