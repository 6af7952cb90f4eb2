package backend

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/backend/queue"
	"chasqui/node/rpc"
)

func TestSendReceiveDelete(t *testing.T) {
	w := newWorld(t)
	unknown := receive(1, time.Minute)
	require.Equal(t, queue.NeedSettings, w.do(unknown, 0).Code, "a partition that has no settings asks for them")
	w.configure(1, false)
	require.Empty(t, w.do(receive(10, time.Minute), 0).Messages)
	w.send(queue.Send{Body: []byte("a")}, queue.Send{Body: []byte("b")})
	got := w.do(receive(10, time.Minute), 0).Messages
	require.Len(t, got, 2)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stats, err := w.client.Stats(ctx, slot, partition)
	require.NoError(t, err)
	require.Equal(t, 2, stats.InFlight)
	deleted := w.do(queue.Command{Kind: queue.KindDelete, Partition: partition, SettingsVersion: 1,
		Deletes: []queue.Handle{got[0].Handle(), got[1].Handle()}}, 0)
	require.Equal(t, []queue.Code{queue.OK, queue.OK}, deleted.Codes)
	stats, err = w.client.Stats(ctx, slot, partition)
	require.NoError(t, err)
	require.Zero(t, stats.InFlight+stats.Visible)
}

// TestALongPollWakes checks every reason for which a waiter must be woken (SQS-API section 4.3).
func TestALongPollWakes(t *testing.T) {
	for _, c := range []struct {
		name   string
		fifo   bool
		before func(w *world) queue.Message // what is received before the poll begins
		act    func(w *world, held queue.Message)
		body   string
		code   queue.Code
	}{
		{name: "send", act: func(w *world, _ queue.Message) { w.send(queue.Send{Body: []byte("new")}) }, body: "new"},
		{name: "delay ends", before: func(w *world) queue.Message {
			w.send(queue.Send{Body: []byte("delayed"), DelayMs: 300})
			return queue.Message{}
		}, body: "delayed"},
		{name: "visibility timeout ends", before: func(w *world) queue.Message {
			w.send(queue.Send{Body: []byte("held")})
			return w.do(receive(1, 300*time.Millisecond), 0).Messages[0]
		}, body: "held"},
		{name: "visibility is set to 0", before: func(w *world) queue.Message {
			w.send(queue.Send{Body: []byte("held")})
			return w.do(receive(1, time.Hour), 0).Messages[0]
		}, act: func(w *world, held queue.Message) {
			w.do(queue.Command{Kind: queue.KindVisibility, Partition: partition, SettingsVersion: 1,
				Changes: []queue.VisibilityChange{{Handle: held.Handle()}}}, 0)
		}, body: "held"},
		{name: "group is unlocked by a delete", fifo: true, before: func(w *world) queue.Message {
			w.send(queue.Send{Body: []byte("first"), Group: "g", DedupID: "1"}, queue.Send{Body: []byte("second"), Group: "g", DedupID: "2"})
			return w.do(receive(1, time.Hour), 0).Messages[0]
		}, act: func(w *world, held queue.Message) {
			w.do(queue.Command{Kind: queue.KindDelete, Partition: partition, SettingsVersion: 1, Deletes: []queue.Handle{held.Handle()}}, 0)
		}, body: "second"},
		{name: "settings change", act: func(w *world, _ queue.Message) { w.configure(2, false) }, code: queue.StaleSettings},
		{name: "queue is dropped", act: func(w *world, _ queue.Message) {
			w.do(queue.Command{Kind: queue.KindDrop, Partition: partition}, 0)
		}, code: queue.QueueDropped},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.configure(1, c.fifo)
			var held queue.Message
			if c.before != nil {
				held = c.before(w)
			}
			result := w.poll()
			if c.act != nil {
				c.act(w, held)
			}
			select {
			case r := <-result:
				require.Equal(t, c.code, r.Code)
				if c.body != "" {
					require.Len(t, r.Messages, 1)
					require.Equal(t, c.body, string(r.Messages[0].Body))
				}
			case <-time.After(patience / 4):
				t.Fatal("the poll slept on")
			}
		})
	}
}

func TestALongPollEndsEmpty(t *testing.T) {
	w := newWorld(t)
	w.configure(1, false)
	result := w.do(receive(1, time.Minute), 100*time.Millisecond)
	require.Equal(t, queue.OK, result.Code)
	require.Empty(t, result.Messages)
	require.Eventually(t, func() bool { return w.server.slots[slot].Waiting() == 0 }, patience, time.Millisecond)
}

func TestOneMessageWakesOneOfMany(t *testing.T) {
	w := newWorld(t)
	w.configure(1, false)
	first, second := w.poll(), w.poll()
	w.send(queue.Send{Body: []byte("one")})
	select {
	case r := <-first:
		require.Len(t, r.Messages, 1)
	case <-second:
		t.Fatal("the later waiter was woken first")
	case <-time.After(patience / 4):
		t.Fatal("nobody was woken")
	}
	// On a busy machine the second one may have been told to look, in vain, and be on its way back.
	require.Eventually(t, func() bool { return w.server.slots[slot].Waiting() == 1 }, patience, time.Millisecond)
	w.send(queue.Send{Body: []byte("two")})
	require.Len(t, (<-second).Messages, 1)
}

// TestAWaiterThatDiesTakesNoWakeUpWithIt lets the woken waiter vanish without a receive.
func TestAWaiterThatDiesTakesNoWakeUpWithIt(t *testing.T) {
	w := newWorld(t)
	w.configure(1, false)
	woken := make(chan bool, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.server.slots[slot].Wait(ctx, partition, 1, 1, func(receivable bool, err error) {
		if err != nil {
			t.Errorf("wait: %v", err)
		}
		woken <- receivable
	})
	other := w.poll()
	w.send(queue.Send{Body: []byte("x")})
	require.True(t, <-woken) // and does nothing
	select {
	case r := <-other:
		require.Len(t, r.Messages, 1)
	case <-time.After(patience / 4):
		t.Fatal("the wake-up was lost")
	}
}

func TestAClientThatGoesAwayLeavesNoWaiter(t *testing.T) {
	w := newWorld(t)
	w.configure(1, false)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := w.client.Wait(ctx, slot, partition, 1, 1, patience)
		done <- err
	}()
	waiting := func(n int) func() bool { return func() bool { return w.server.slots[slot].Waiting() == n } }
	require.Eventually(t, waiting(1), patience, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	require.Eventually(t, waiting(0), patience, time.Millisecond)
}

func TestARepeatedCommandTakesEffectOnce(t *testing.T) {
	w := newWorld(t)
	w.configure(1, false)
	command := queue.Command{Session: 99, Seq: 1, LowWater: 1, Partition: partition, SettingsVersion: 1,
		Kind: queue.KindSend, Sends: []queue.Send{{Body: []byte("once")}}}
	body := encodeExecute(slot, &command)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var answers []string
	for range 3 {
		answer, err := w.client.call(ctx, slot, methodExecute, body, attemptTimeout)
		require.NoError(t, err)
		answers = append(answers, string(answer))
	}
	require.Equal(t, []string{answers[0], answers[0], answers[0]}, answers)
	require.Len(t, w.do(receive(10, time.Minute), 0).Messages, 1)
}

func TestOutcomesAreKeptApart(t *testing.T) {
	for _, c := range []struct {
		name        string
		err         error
		unknown     bool
		wantHint    string
		wantAgain   bool
		wantUnknown bool
	}{
		{name: "not sent", err: rpc.ErrNotSent, wantAgain: true},
		{name: "not sent after an unknown one", err: rpc.ErrNotSent, unknown: true, wantAgain: true, wantUnknown: true},
		{name: "no answer", err: rpc.ErrUnknown, wantAgain: true, wantUnknown: true},
		{name: "not leader with a hint", err: &rpc.RemoteError{Code: rpc.CodeNotLeader, Message: "b 1.2.3.4:5"}, wantHint: "1.2.3.4:5", wantAgain: true},
		{name: "not leader", err: &rpc.RemoteError{Code: rpc.CodeNotLeader}, wantAgain: true},
		{name: "expired", err: &rpc.RemoteError{Code: rpc.CodeExpired}, wantAgain: true},
		{name: "overloaded", err: &rpc.RemoteError{Code: rpc.CodeOverloaded}},
		{name: "bad request", err: &rpc.RemoteError{Code: rpc.CodeBadRequest}},
		{name: "unknown at the host", err: &rpc.RemoteError{Code: rpc.CodeUnknownOutcome}, wantAgain: true, wantUnknown: true},
		{name: "internal", err: &rpc.RemoteError{Code: rpc.CodeInternal}, wantAgain: true, wantUnknown: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			hint, again, unknown := judge(c.err, c.unknown)
			require.Equal(t, c.wantHint, hint)
			require.Equal(t, c.wantAgain, again)
			require.Equal(t, c.wantUnknown, unknown)
		})
	}
	w := newWorld(t)
	w.topology.addresses = []string{refusing(t)}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	command := receive(1, time.Minute)
	_, err := w.client.Do(ctx, slot, &command, 0)
	require.ErrorIs(t, err, ErrUnavailable, "nobody can have received it")
}

func TestLowWaterIsTheOldestUnsettledNumber(t *testing.T) {
	s := newSession(1)
	begin := func(wantSeq, wantLow uint64) {
		t.Helper()
		seq, low := s.begin()
		require.Equal(t, []uint64{wantSeq, wantLow}, []uint64{seq, low})
	}
	begin(1, 1)
	begin(2, 1)
	begin(3, 1)
	s.end(2)
	begin(4, 1)
	s.end(1)
	begin(5, 3)
	s.end(4)
	s.end(3)
	s.end(5)
	begin(6, 6)
}

// TestHostileMessages sends what no client of ours would send.
func TestHostileMessages(t *testing.T) {
	w := newWorld(t)
	w.configure(1, false)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for name, m := range map[string]struct {
		method rpc.Method
		body   []byte
	}{
		"empty execute":              {methodExecute, nil},
		"receive that is no msgpack": {methodExecute, append([]byte{0, 0, byte(queue.KindReceive)}, 0xc1)},
		"short wait":                 {methodWait, []byte{0, 0, 1}},
		"long stats":                 {methodStats, make([]byte, 100)},
	} {
		_, err := w.client.rpc.Call(ctx, w.topology.addresses[0], m.method, m.body)
		var remote *rpc.RemoteError
		require.ErrorAs(t, err, &remote, name)
		require.Equal(t, rpc.CodeBadRequest, remote.Code, name)
	}
	// A command that does not decode goes through the log like any other and changes nothing.
	answer, err := w.client.rpc.Call(ctx, w.topology.addresses[0], methodExecute, []byte{0, 0, byte(queue.KindSend), 0xff, 0xff})
	require.NoError(t, err)
	result, err := queue.DecodeResult(answer)
	require.NoError(t, err)
	require.Equal(t, queue.BadCommand, result.Code)
	w.send(queue.Send{Body: []byte("still here")})
}

// TestAFullHostRefusesSendsOnly fills the memory and makes room again.
func TestAFullHostRefusesSendsOnly(t *testing.T) {
	w := newWorld(t)
	w.configure(1, false)
	send := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := w.client.Do(ctx, slot, &queue.Command{Kind: queue.KindSend, Partition: partition, SettingsVersion: 1,
			Sends: []queue.Send{{Body: make([]byte, 512<<10)}}}, 0)
		return err
	}
	var refused error
	require.Eventually(t, func() bool { refused = send(); return refused != nil }, patience, time.Millisecond)
	require.ErrorIs(t, refused, ErrUnavailable)
	for {
		got := w.do(receive(10, time.Minute), 0).Messages
		if len(got) == 0 {
			break
		}
		var handles []queue.Handle
		for _, m := range got {
			handles = append(handles, m.Handle())
		}
		w.do(queue.Command{Kind: queue.KindDelete, Partition: partition, SettingsVersion: 1, Deletes: handles}, 0)
	}
	require.Eventually(t, func() bool {
		w.do(queue.Command{Kind: queue.KindExpire, Partition: partition}, 0)
		return send() == nil
	}, patience, time.Millisecond)
}

// TestARepeatedReceiveFindsWhatTheFirstTook repeats a receive whose answer was lost, as after a change of leaders. All
// there is is in flight, with the repeated receive itself: "nothing to receive" would hide the messages from everybody
// until their visibility timeout ends. The simulator found it in the scenario flapping-leader.
func TestARepeatedReceiveFindsWhatTheFirstTook(t *testing.T) {
	w := newWorld(t)
	w.configure(1, false)
	w.send(queue.Send{Body: []byte("only one")})
	command := receive(10, time.Minute)
	command.Session, command.Seq, command.LowWater = 99, 1, 1
	body := encodeExecute(slot, &command)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	execute := func(body []byte) *queue.Result {
		answer, err := w.client.rpc.Call(ctx, w.topology.addresses[0], methodExecute, body)
		require.NoError(t, err)
		result, err := queue.DecodeResult(answer)
		require.NoError(t, err)
		return &result
	}
	first := execute(body)
	require.Len(t, first.Messages, 1)
	require.Equal(t, first, execute(repeatedExecute(body)))
	require.Empty(t, w.do(receive(10, time.Minute), 0).Messages)
}

// TestTheClientSaysThatItRepeats fails the first two tries of a command, one of them with an unknown outcome, whether its caller
// waits for it or not.
func TestTheClientSaysThatItRepeats(t *testing.T) {
	waits := func(c *Client, ctx context.Context, command *queue.Command) (*queue.Result, error) {
		return c.Do(ctx, slot, command, 0)
	}
	isTold := func(c *Client, ctx context.Context, command *queue.Command) (result *queue.Result, err error) {
		told := make(chan struct{})
		c.Go(ctx, slot, command, func(r *queue.Result, e error) {
			result, err = r, e
			close(told)
		})
		<-told
		return result, err
	}
	for name, send := range map[string]func(*Client, context.Context, *queue.Command) (*queue.Result, error){"Do": waits, "Go": isTold} {
		for _, test := range []struct {
			codes    []rpc.Code
			repeated []bool
		}{
			{[]rpc.Code{rpc.CodeUnavailable, rpc.CodeUnknownOutcome}, []bool{false, false, true}},
			{[]rpc.Code{rpc.CodeUnknownOutcome, rpc.CodeUnavailable}, []bool{false, true, true}},
		} {
			t.Run(fmt.Sprint(name, test.codes), func(t *testing.T) {
				tries, codes := make(chan []byte, 3), test.codes
				w := newWorld(t)
				w.serve(t, func(call *rpc.Call) {
					tries <- append([]byte(nil), call.Body()...)
					if n := len(tries) - 1; n < len(codes) {
						call.Fail(&rpc.RemoteError{Code: codes[n]})
						return
					}
					call.Reply((&queue.Result{Code: queue.OK}).Encode())
				})
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				command := receive(1, time.Minute)
				result, err := send(w.client, ctx, &command)
				require.NoError(t, err)
				require.Equal(t, queue.OK, result.Code)
				first := <-tries
				for i, want := range test.repeated {
					try := first
					if i > 0 {
						try = <-tries
					}
					_, kind, repeated, _, err := decodeExecute(try)
					require.NoError(t, err)
					require.Equal(t, queue.KindReceive, kind)
					require.Equal(t, want, repeated, "try %d", i+1)
					require.Equal(t, repeatedExecute(first), repeatedExecute(try), "the same command")
				}
			})
		}
	}
}

// TestACommandThatIsRefusedIsNotRepeated is about a caller that does not wait.
func TestACommandThatIsRefusedIsNotRepeated(t *testing.T) {
	w := newWorld(t)
	tries := make(chan struct{}, 3)
	w.serve(t, func(call *rpc.Call) {
		tries <- struct{}{}
		call.Fail(&rpc.RemoteError{Code: rpc.CodeOverloaded})
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command, told := receive(1, time.Minute), make(chan error, 1)
	w.client.Go(ctx, slot, &command, func(_ *queue.Result, err error) { told <- err })
	require.ErrorIs(t, <-told, ErrUnavailable)
	require.Len(t, tries, 1)
	_, low := w.client.session(slot).begin()
	require.Equal(t, command.Seq+1, low, "its number is settled")
}

// serve puts a server in the place of the slot's hosts.
func (w *world) serve(t *testing.T, execute func(*rpc.Call)) {
	server := rpc.NewServer(w.client.host, rpc.DefaultConfig())
	t.Cleanup(server.Close)
	server.Handle(methodExecute, execute)
	listener, err := w.client.host.Network.Listen("127.0.0.1:0")
	require.NoError(t, err)
	w.client.host.Tasks.Go("serve", func(context.Context) { _ = server.Serve(listener) })
	w.topology.addresses = []string{listener.Addr().String()}
}
