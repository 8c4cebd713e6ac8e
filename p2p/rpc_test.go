package p2p

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/libp2p/go-libp2p/core/peer"
)

type echoQuestion struct {
	Text  string
	Times int
}

type echoAnswer struct {
	Text string
	From peer.ID
}

// echo opens a node that repeats a text, with these limits, and one that is connected to it.
func echo(t *testing.T, l Limit) (server, client *Mesh) {
	server, client = open(t, Options{}), open(t, Options{})
	Handle(server, "echo", l, func(_ context.Context, from peer.ID, q echoQuestion) (echoAnswer, error) {
		return echoAnswer{Text: strings.Repeat(q.Text, q.Times), From: from}, nil
	})
	connect(t, client, server)
	return server, client
}

func ask(t *testing.T, client, server *Mesh, l Limit, q echoQuestion) (echoAnswer, error) {
	t.Helper()
	return Call[echoQuestion, echoAnswer](t.Context(), client, server.ID(), "echo", l, q)
}

func wantCode(t *testing.T, err error, code string) *RemoteError {
	t.Helper()
	remote, ok := errors.AsType[*RemoteError](err)
	if !ok || remote.Code != code {
		t.Fatalf("error %v, want code %s", err, code)
	}
	return remote
}

func TestACallBringsTheAnswer(t *testing.T) {
	server, client := echo(t, Limit{})
	got, err := ask(t, client, server, Limit{}, echoQuestion{"ti ", 3})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(echoAnswer{"ti ti ti ", client.ID()}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAQuestionBeyondTheLimitIsRefusedByBothSides(t *testing.T) {
	server, client := echo(t, Limit{MaxRequest: 1 << 10})
	q := echoQuestion{strings.Repeat("x", 2<<10), 1}
	_, err := ask(t, client, server, Limit{MaxRequest: 1 << 10}, q)
	is(t, err, errFrameTooLarge)
	_, err = ask(t, client, server, Limit{MaxRequest: 1 << 20}, q)
	wantCode(t, err, CodeTooLarge)
}

func TestAnAnswerBeyondTheLimitIsRefusedByBothSides(t *testing.T) {
	server, client := echo(t, Limit{MaxAnswer: 1 << 10})
	_, err := ask(t, client, server, Limit{}, echoQuestion{"x", 2 << 10})
	wantCode(t, err, CodeTooLarge)
	_, err = ask(t, client, server, Limit{MaxAnswer: 100}, echoQuestion{"x", 500})
	is(t, err, ErrUnreachable)
	is(t, err, errFrameTooLarge)
}

func TestAHandlerThatTakesTooLongIsCutOff(t *testing.T) {
	server, client := open(t, Options{}), open(t, Options{})
	Handle(server, "slow", Limit{Timeout: 50 * time.Millisecond}, func(ctx context.Context, _ peer.ID, _ int) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
	connect(t, client, server)
	_, err := Call[int, int](t.Context(), client, server.ID(), "slow", Limit{}, 1)
	wantCode(t, err, CodeTimeout)
}

func TestACallerDoesNotWaitBeyondItsLimit(t *testing.T) {
	server, client := open(t, Options{}), open(t, Options{})
	Handle(server, "slow", Limit{}, func(ctx context.Context, _ peer.ID, _ int) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
	connect(t, client, server)
	begin := time.Now()
	_, err := Call[int, int](t.Context(), client, server.ID(), "slow", Limit{Timeout: 50 * time.Millisecond}, 1)
	is(t, err, ErrUnreachable)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = Call[int, int](ctx, client, server.ID(), "slow", Limit{}, 1)
	is(t, err, context.DeadlineExceeded)
	if errors.Is(err, ErrUnreachable) || time.Since(begin) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(begin))
	}
	server.Close()
}

func TestOnlyARemoteErrorReachesTheCaller(t *testing.T) {
	server, client := open(t, Options{}), open(t, Options{})
	Handle(server, "fail", Limit{}, func(_ context.Context, _ peer.ID, known bool) (int, error) {
		if known {
			return 0, fmt.Errorf("look up: %w", &RemoteError{Code: "not-found", Message: "no such thing"})
		}
		return 0, errors.New("open /home/ti/secret: no such file")
	})
	connect(t, client, server)
	call := func(known bool) error {
		_, err := Call[bool, int](t.Context(), client, server.ID(), "fail", Limit{}, known)
		return err
	}
	if e := wantCode(t, call(true), "not-found"); e.Message != "no such thing" {
		t.Errorf("message %q", e.Message)
	}
	if e := wantCode(t, call(false), CodeInternal); e.Message != "" {
		t.Errorf("a stranger was told %q", e.Message)
	}
}

func TestGarbageIsNotAQuestion(t *testing.T) {
	server, client := echo(t, Limit{Timeout: time.Second})
	for name, bytes := range map[string][]byte{
		"not CBOR":             appendFrame(nil, []byte("\xff\xff garbage")),
		"of another type":      appendFrame(nil, []byte{0x83, 1, 2, 3}),
		"with bytes after it":  appendFrame(nil, []byte{0xa0, 0xa0}),
		"with a duplicate key": appendFrame(nil, []byte("\xa2\x65Times\x01\x65Times\x02")),
		"of no end":            appendFrame(nil, []byte("\xbf\x65Times\x01\xff")),
	} {
		_, err := client.exchange(t.Context(), server.ID(), callProtocol("echo"), Limit{}.withDefaults(), bytes[1:])
		if err == nil {
			t.Fatal(name, "was answered")
		}
		wantCode(t, err, CodeMalformed)
	}
	s, err := client.host.NewStream(t.Context(), server.ID(), callProtocol("echo"))
	if err != nil {
		t.Fatal(err)
	}
	s.Write([]byte{50, 1, 2}) // a frame cut short, and then silence
	s.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, err := s.Read(make([]byte, 1)); err == nil {
		t.Errorf("half a question got %d bytes", n)
	}
}

func TestCallsBeyondThePeersShareAreRefused(t *testing.T) {
	server, client := open(t, Options{}), open(t, Options{})
	entered, leave := make(chan struct{}, 2), make(chan struct{})
	Handle(server, "wait", Limit{PerPeer: 2}, func(ctx context.Context, _ peer.ID, _ int) (int, error) {
		entered <- struct{}{}
		select {
		case <-leave:
		case <-ctx.Done():
		}
		return 1, nil
	})
	connect(t, client, server)
	call := func() error {
		_, err := Call[int, int](t.Context(), client, server.ID(), "wait", Limit{}, 1)
		return err
	}
	results := make(chan error, 2)
	for range 2 {
		go func() { results <- call() }()
		<-entered
	}
	is(t, call(), ErrUnreachable)
	close(leave)
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if err := call(); err != nil {
		t.Error("after the others left:", err)
	}
}

func TestCallingNobodyIsUnreachable(t *testing.T) {
	client := open(t, Options{})
	gone, err := peer.IDFromPrivateKey(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Call[int, int](t.Context(), client, gone, "echo", Limit{}, 1)
	is(t, err, ErrUnreachable)
	other := open(t, Options{})
	connect(t, client, other)
	_, err = Call[int, int](t.Context(), client, other.ID(), "unknown", Limit{}, 1)
	is(t, err, ErrUnreachable)
}

func FuzzQuestion(f *testing.F) {
	good, err := encode(echoQuestion{"ti", 3})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(appendFrame(nil, good))
	f.Add([]byte{0x82, 0x9f})
	f.Add(appendFrame(nil, bytes.Repeat([]byte{0x81}, 100)))
	f.Fuzz(func(t *testing.T, data []byte) {
		const max = 1 << 10
		body, err := readFrame(bufio.NewReader(bytes.NewReader(data)), max)
		if err != nil {
			return
		}
		if len(body) > max {
			t.Fatal("beyond the limit")
		}
		var q echoQuestion
		if decode(body, &q) != nil {
			return
		}
		again, err := encode(q)
		if err != nil {
			t.Fatal(err)
		}
		var back echoQuestion
		if err := decode(again, &back); err != nil || back != q {
			t.Fatalf("%+v came back as %+v (%v)", q, back, err)
		}
	})
}
