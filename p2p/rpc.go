package p2p

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// A call is one stream of protocol /savoirs/<name>/1. The caller sends a frame with the question in CBOR and closes its
// side; the answer is one status byte (0 answer, 1 error) and a frame with the answer, or a RemoteError, in CBOR.

// Limit bounds one kind of call. Both sides apply it; zero fields mean 64 KiB, 1 MiB, 10 s and 4.
type Limit struct {
	MaxRequest int64         // bytes of an encoded question
	MaxAnswer  int64         // bytes of an encoded answer
	Timeout    time.Duration // from the first byte of the question to the last of the answer
	PerPeer    int           // calls answered at once for one peer; those beyond are refused
}

func (l Limit) withDefaults() Limit {
	if l.MaxRequest == 0 {
		l.MaxRequest = 64 << 10
	}
	if l.MaxAnswer == 0 {
		l.MaxAnswer = 1 << 20
	}
	if l.Timeout == 0 {
		l.Timeout = 10 * time.Second
	}
	if l.PerPeer == 0 {
		l.PerPeer = 4
	}
	return l
}

// Codes of errors that the mesh itself answers with. Handlers may use any others.
const (
	CodeInternal  = "internal"  // the handler failed; why is in the log of that node only
	CodeMalformed = "malformed" // the question was not understood
	CodeTooLarge  = "too-large" // the question or its answer is beyond the limit
	CodeTimeout   = "timeout"   // the handler did not finish in time
	CodeBusy      = "busy"      // too many others are being answered; ask again later
)

// RemoteError is an error that the other side returned. A handler that wants the caller to know returns one.
type RemoteError struct {
	Code    string `cbor:"code"`
	Message string `cbor:"message"`
}

func (e *RemoteError) Error() string {
	if e.Message == "" {
		return "peer answered: " + e.Code
	}
	return "peer answered: " + e.Code + ": " + e.Message
}

const (
	statusAnswer = 0
	statusError  = 1
	maxErrorSize = 4 << 10
)

func callProtocol(name string) protocol.ID { return protocol.ID(protoPrefix + name + "/1") }

// Handle answers calls of that name with f, concurrently. It must be called before Run, once for a name. f must return
// when its context ends. Of an error only a *RemoteError reaches the caller, cut to 1 KiB; any other is logged here and
// answered with CodeInternal.
func Handle[Q, A any](m *Mesh, name string, l Limit, f func(ctx context.Context, from peer.ID, q Q) (A, error)) {
	m.handle(name, l.withDefaults(), func(ctx context.Context, from peer.ID, question []byte) ([]byte, error) {
		var q Q
		if err := decode(question, &q); err != nil {
			return nil, &RemoteError{Code: CodeMalformed}
		}
		a, err := f(ctx, from, q)
		if err != nil {
			return nil, err
		}
		return encode(a)
	})
}

func (m *Mesh) handle(name string, l Limit, f func(context.Context, peer.ID, []byte) ([]byte, error)) {
	m.serve(callProtocol(name), l.PerPeer, l.Timeout, func(ctx context.Context, s network.Stream) {
		from := s.Conn().RemotePeer()
		question, err := readFrame(bufio.NewReader(reserving{s}), l.MaxRequest)
		var answer []byte
		switch {
		case errors.Is(err, errFrameTooLarge):
			err = &RemoteError{Code: CodeTooLarge, Message: err.Error()}
		case err != nil: // gone, or too slow to ask
			s.ResetWithError(network.StreamProtocolViolation)
			return
		default:
			answer, err = f(ctx, from, question)
		}
		if err == nil && int64(len(answer)) > l.MaxAnswer {
			err = &RemoteError{Code: CodeTooLarge, Message: "the answer is too large"}
		}
		reply := []byte{statusAnswer}
		if err == nil {
			err = reserveAnswer(s, len(answer))
		}
		if err != nil {
			m.log.Debug("call answered with an error", "name", name, "peer", from, "err", err)
			reply[0], answer = statusError, encodeError(ctx, err)
		}
		if err := writeSteadily(s, appendFrame(reply, answer)); err != nil {
			s.Reset()
		}
	})
}

// smallAnswer is what is always answered, in bytes; larger answers leave room for small ones.
const smallAnswer = 64 << 10

// reserveAnswer counts an answer against the memory that its protocol may take until the stream ends: somebody who asks
// and does not read costs no more.
func reserveAnswer(s network.Stream, n int) error {
	priority := network.ReservationPriorityAlways
	if n > smallAnswer {
		priority = network.ReservationPriorityMedium
	}
	if err := s.Scope().ReserveMemory(2*n, priority); err != nil {
		return &RemoteError{Code: CodeBusy}
	}
	return nil
}

const (
	writeStep = 64 << 10
	writeTime = 5 * time.Second // for each step: less than 13 kB/s is no reading
)

// writeSteadily writes to somebody who reads. The time for the call may be up, that for saying so is not.
func writeSteadily(s network.Stream, b []byte) error {
	for len(b) > 0 {
		step := b[:min(len(b), writeStep)]
		s.SetWriteDeadline(time.Now().Add(writeTime))
		if _, err := s.Write(step); err != nil {
			return err
		}
		b = b[len(step):]
	}
	return nil
}

// encodeError says as much of err as a stranger may know.
func encodeError(ctx context.Context, err error) []byte {
	said := &RemoteError{Code: CodeInternal}
	if remote, ok := errors.AsType[*RemoteError](err); ok {
		said = &RemoteError{Code: clip(remote.Code, 64), Message: clip(remote.Message, 1<<10)}
	} else if ctx.Err() != nil {
		said.Code = CodeTimeout
	}
	body, err := encode(said)
	if err != nil {
		panic(err) // two short strings
	}
	return body
}

// Call asks one peer, connecting first if its addresses are known. It returns a *RemoteError for an error the other side
// returned, ErrBlocked, ErrUnreachable when there was no answer or none as agreed, and the context's error when that
// ended first.
func Call[Q, A any](ctx context.Context, m *Mesh, to peer.ID, name string, l Limit, q Q) (A, error) {
	var a A
	question, err := encode(q)
	if err != nil {
		return a, fmt.Errorf("call %s of %s: %w", name, to, err)
	}
	answer, err := m.call(ctx, to, name, l.withDefaults(), question)
	if err != nil {
		return a, fmt.Errorf("call %s of %s: %w", name, to, err)
	}
	if err := decode(answer, &a); err != nil {
		var none A
		return none, fmt.Errorf("call %s of %s: %w: %w", name, to, ErrUnreachable, err)
	}
	return a, nil
}

func (m *Mesh) call(ctx context.Context, to peer.ID, name string, l Limit, question []byte) ([]byte, error) {
	if int64(len(question)) > l.MaxRequest {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", errFrameTooLarge, len(question), l.MaxRequest)
	}
	if !m.gate.open(to) {
		return nil, ErrBlocked
	}
	timed, cancel := context.WithTimeout(ctx, l.Timeout)
	defer cancel()
	answer, err := m.exchange(timed, to, callProtocol(name), l, question)
	if err == nil {
		return answer, nil
	}
	if _, remote := errors.AsType[*RemoteError](err); remote {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// exchange writes the question and reads the answer on a stream of its own.
func (m *Mesh) exchange(ctx context.Context, to peer.ID, id protocol.ID, l Limit, question []byte) ([]byte, error) {
	s, err := m.host.NewStream(ctx, to, id)
	if err != nil {
		return nil, err
	}
	defer s.Reset() // harmless after Close
	defer context.AfterFunc(ctx, func() { s.Reset() })()
	s.SetDeadline(time.Now().Add(l.Timeout))
	if _, err := s.Write(appendFrame(nil, question)); err != nil {
		return nil, err
	}
	if err := s.CloseWrite(); err != nil {
		return nil, err
	}
	r := bufio.NewReader(s)
	status, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	switch status {
	case statusAnswer:
		answer, err := readFrame(r, l.MaxAnswer)
		if err == nil {
			s.Close()
		}
		return answer, err
	case statusError:
		return nil, readError(r)
	}
	return nil, fmt.Errorf("%w: status %d", errMalformed, status)
}

func readError(r *bufio.Reader) error {
	body, err := readFrame(r, maxErrorSize)
	if err != nil {
		return err
	}
	remote := new(RemoteError)
	if err := decode(body, remote); err != nil {
		return err
	}
	return remote
}

// clip cuts s to n bytes without splitting a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}
