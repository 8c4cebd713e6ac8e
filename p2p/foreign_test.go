package p2p

import (
	"encoding/binary"
	"io"
	"testing"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
)

// guest is somebody connected to v.
func guest(t *testing.T, v *Mesh) host.Host {
	t.Helper()
	h := someone(t)
	if err := h.Connect(t.Context(), info(v)); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAForeignMessageBeyondTheLimitEndsItsStreamWhenItIsPromised(t *testing.T) {
	v := open(t, Options{})
	h, ended := guest(t, v), make(chan error, 1)
	foreign{Host: v.host, maxFrame: 100, frames: &paces{perSecond: 100, burst: 100}}.SetStreamHandler("/test/1", func(s network.Stream) {
		_, err := io.ReadAll(s)
		ended <- err
	})
	for size, want := range map[uint64]error{100: nil, 101: errFrameTooLarge} {
		s, err := h.NewStream(t.Context(), v.ID(), "/test/1")
		if err != nil {
			t.Fatal(err)
		}
		message := binary.AppendUvarint(nil, size)
		if want == nil {
			message = append(message, make([]byte, size)...)
		}
		if _, err := s.Write(message); err != nil {
			t.Fatal(err)
		}
		if want == nil {
			s.CloseWrite()
		}
		is(t, <-ended, want)
	}
}
