package node_test

import (
	"errors"
	"testing"

	"savoirs/node"
	"savoirs/node/nodetest"
	"savoirs/p2p"
)

func TestAClosedMeshIsJoinedByInviteOnlyAlsoAfterARestart(t *testing.T) {
	o := nodetest.Options(t, t.TempDir())
	a, stop := nodetest.Run(t, o)
	others := nodetest.Start(t, 2)
	b, c := others[0], others[1]
	nodetest.Connect(t, b, a)
	invite, err := a.CloseMesh()
	if err != nil || !invite.Closed || !a.ID().Closed {
		t.Fatalf("%+v (%v)", invite, err)
	}
	nodetest.Until(t, "the stranger is out", func() bool { return len(a.Peers()) == 0 })
	if _, err := c.Join(t.Context(), a.ID().Addrs[0], false); !errors.Is(err, p2p.ErrUnreachable) {
		t.Errorf("joining without the key: %v", err)
	}
	if _, err := b.Join(t.Context(), invite.Words, false); err != nil || !b.ID().Closed {
		t.Fatalf("joining by words: %v", err)
	}
	stop()
	a, _ = nodetest.Run(t, o)
	if got := a.Invite(); !got.Closed {
		t.Error("it is open after a restart")
	}
	if _, err := c.Join(t.Context(), a.Invite().Text, false); err != nil {
		t.Errorf("joining by text: %v", err)
	}
	if again, err := a.CloseMesh(); err != nil || again.Text == invite.Text {
		t.Errorf("the key is the same (%v)", err)
	}
	nodetest.Until(t, "those with the old key are out", func() bool { return len(a.Peers()) == 0 })
	if open, err := a.OpenMesh(); err != nil || open.Closed || a.ID().Closed {
		t.Errorf("it is closed still (%v)", err)
	}
}

func TestANodeLeavesAClosedMeshForAnotherOnlyWhenForced(t *testing.T) {
	nodes := nodetest.Start(t, 2)
	a, b := nodes[0], nodes[1]
	var invites []node.Invite
	for _, n := range nodes {
		i, err := n.CloseMesh()
		if err != nil {
			t.Fatal(err)
		}
		invites = append(invites, i)
	}
	if _, err := b.Join(t.Context(), invites[0].Text, false); !errors.Is(err, node.ErrOtherMesh) || b.Invite() != invites[1] {
		t.Errorf("joining without force: %v", err)
	}
	if _, err := b.Join(t.Context(), invites[0].Text, true); err != nil || b.Invite() == invites[1] {
		t.Errorf("joining by force: %v", err)
	}
	away, stop := nodetest.Run(t, nodetest.Options(t, t.TempDir()))
	gone, err := away.CloseMesh()
	if err != nil {
		t.Fatal(err)
	}
	stop()
	before := a.Invite()
	if _, err := a.Join(t.Context(), gone.Text, true); !errors.Is(err, p2p.ErrUnreachable) || a.Invite() != before {
		t.Errorf("a mesh that does not answer was joined: %v", err)
	}
}
