package p2p

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"golang.org/x/time/rate"
)

// foreign is a host for protocols that are not ours: what they read from strangers has limits that they lack.
type foreign struct {
	host.Host
	// maxFrame is the size limit of a message, in bytes; 0 is for a protocol without messages, such as ping.
	maxFrame uint64
	frames   *paces // messages
}

// foreignAtOnce is how many streams of one protocol are open at once: peers keep theirs for the next message.
const foreignAtOnce = 160

// SetStreamHandler hands streams on behind the limits.
func (h foreign) SetStreamHandler(id protocol.ID, f network.StreamHandler) {
	places := &seats{total: foreignAtOnce}
	h.Host.SetStreamHandler(id, func(s network.Stream) {
		if !places.take(s) {
			s.ResetWithError(network.StreamResourceLimitExceeded)
			return
		}
		defer places.free(s)
		bucket := h.frames.bucket(neighbourhood(s.Conn()))
		if h.maxFrame == 0 {
			f(paced{Stream: s, bucket: bucket})
			return
		}
		fs := &framed{Stream: s, max: h.maxFrame, bucket: bucket, r: bufio.NewReaderSize(s, 4<<10)}
		defer fs.release()
		f(fs)
	})
}

// paced is a stream of which one Read is made for each token.
type paced struct {
	network.Stream
	bucket *rate.Limiter
}

func (s paced) Read(p []byte) (int, error) {
	if err := s.bucket.Wait(context.Background()); err != nil {
		return 0, err
	}
	return s.Stream.Read(p)
}

const (
	frameIdle  = 10 * time.Minute // between two messages
	frameTime  = 10 * time.Second // for a message, and as much again for each frameBytes of it
	frameBytes = 256 << 10
	frameStep  = 64 << 10
)

// framed is a stream of messages, each behind its length as a varint. A message is handed on once it is here, so that
// memory is taken as bytes arrive and not as they are promised, within the limits of the resource manager; one that drips
// ends the stream.
type framed struct {
	network.Stream
	max    uint64
	bucket *rate.Limiter
	r      *bufio.Reader
	frame  bytes.Reader // not yet handed on
	held   int          // reserved for it
}

func (s *framed) Read(p []byte) (int, error) {
	if s.frame.Len() == 0 {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	return s.frame.Read(p)
}

// next waits for a whole message.
func (s *framed) next() error {
	s.release()
	if err := s.bucket.Wait(context.Background()); err != nil {
		return err
	}
	s.SetReadDeadline(time.Now().Add(frameIdle))
	if _, err := s.r.Peek(1); err != nil {
		return err
	}
	s.SetReadDeadline(time.Now().Add(frameTime))
	n, err := binary.ReadUvarint(s.r)
	if err != nil {
		return err
	}
	if n > s.max {
		s.ResetWithError(network.StreamProtocolViolation)
		return fmt.Errorf("%w: %d bytes, at most %d", errFrameTooLarge, n, s.max)
	}
	s.SetReadDeadline(time.Now().Add(frameTime * time.Duration(1+n/frameBytes)))
	body := binary.AppendUvarint(nil, n)
	for left := int(n); left > 0; {
		step := min(left, frameStep)
		// Twice: whoever reads makes a copy.
		if err := s.Scope().ReserveMemory(2*step, network.ReservationPriorityMedium); err != nil {
			s.ResetWithError(network.StreamResourceLimitExceeded)
			return err
		}
		s.held += 2 * step
		at := len(body)
		body = append(body, make([]byte, step)...)
		if _, err := io.ReadFull(s.r, body[at:]); err != nil {
			return err
		}
		left -= step
	}
	s.SetReadDeadline(time.Time{})
	s.frame.Reset(body)
	return nil
}

func (s *framed) release() {
	s.Scope().ReleaseMemory(s.held)
	s.held = 0
	s.frame.Reset(nil)
}
