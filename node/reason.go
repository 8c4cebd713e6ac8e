package node

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"savoirs/p2p"
	"savoirs/rag"
	"savoirs/rag/engine"
	"savoirs/rag/gguf"
	"savoirs/rag/zim"
	"savoirs/store"
	"savoirs/store/catalog"
	"savoirs/store/stick"
)

// Reason is why a gesture did not work, in one word that never changes or is
// translated: what programs test and what language packs turn into sentences.
type Reason string

const (
	Internal        Reason = "internal"
	Usage           Reason = "usage"
	NotFound        Reason = "not_found"
	Ambiguous       Reason = "ambiguous"
	NoNode          Reason = "no_node"
	Exists          Reason = "exists"
	InUse           Reason = "in_use"
	Busy            Reason = "busy"
	NoSpace         Reason = "no_space"
	EmptyFolder     Reason = "empty_folder"
	OutsideFolder   Reason = "outside_folder"
	Unreadable      Reason = "unreadable"
	BadCard         Reason = "bad_card"
	Damaged         Reason = "damaged"
	Forged          Reason = "forged"
	Incomplete      Reason = "incomplete"
	NoProvider      Reason = "no_provider"
	Unreachable     Reason = "unreachable"
	Blocked         Reason = "blocked"
	BadAddress      Reason = "bad_address"
	BadWord         Reason = "bad_word"
	OtherMesh       Reason = "other_mesh"
	EmptyQuestion   Reason = "empty_question"
	QuestionTooLong Reason = "question_too_long"
	NoModel         Reason = "no_model"
	EngineDied      Reason = "engine_died"
	NotAModel       Reason = "not_a_model"
	WrongBase       Reason = "wrong_base"
	Unrunnable      Reason = "unrunnable"
	BadModel        Reason = "bad_model"
	RemoteModel     Reason = "remote_model"
	Refused         Reason = "refused"
	Frozen          Reason = "frozen"
	Interrupted     Reason = "interrupted"
	NotHere         Reason = "not_here"
	Private         Reason = "private"
	KeptHome        Reason = "kept_home"
	BadArchive      Reason = "bad_archive"
	CutArchive      Reason = "cut_archive"
	SplitArchive    Reason = "split_archive"
	BadCopies       Reason = "bad_copies"
	UnknownNode     Reason = "unknown_node"
	NoTerritory     Reason = "no_territory"
	Shunning        Reason = "author_refused"
	Declined        Reason = "declined_here"
	InboxFull       Reason = "inbox_full"
	NoConflict      Reason = "no_conflict"
	DriveBusy       Reason = "drive_busy"
	NoUnmount       Reason = "no_unmount"
	NoKit           Reason = "no_kit"
	NoStick         Reason = "no_stick"
	BadStick        Reason = "bad_stick"
	BadManifest     Reason = "bad_manifest"
	StickDamaged    Reason = "stick_damaged"
	StickFull       Reason = "stick_full"
	StickLimit      Reason = "stick_limit"
	StickMax        Reason = "stick_max"
	StickBusy       Reason = "stick_busy"
	StickReadOnly   Reason = "stick_read_only"
	ForWhom         Reason = "for_whom"
	NoSealKey       Reason = "no_seal_key"
	NotPrivate      Reason = "not_private"
)

// causes are the sentinels of every package in the order they are tried: what
// happened to the content before what happened on the way.
var causes = []struct {
	err    error
	reason Reason
}{
	{ErrNotHere, NotHere}, {ErrPrivate, Private}, {ErrKeptHome, KeptHome}, {ErrCopies, BadCopies}, {ErrWhom, UnknownNode}, {ErrNoTerritory, NoTerritory}, {ErrDriveBusy, DriveBusy}, {ErrNoUnmount, NoUnmount}, {ErrNoKit, NoKit},
	{ErrShunned, Shunning}, {ErrNoConflict, NoConflict},
	{ErrNotFound, NotFound}, {store.ErrNotFound, NotFound},
	{ErrNoNode, NoNode}, {ErrExists, Exists}, {store.ErrInUse, InUse}, {p2p.ErrBusy, Busy},
	{zim.ErrSplit, SplitArchive}, {zim.ErrTruncated, CutArchive}, {zim.ErrDamaged, BadArchive}, {zim.ErrNotZIM, BadArchive}, {zim.ErrUnsupported, BadArchive},
	{store.ErrEmpty, EmptyFolder}, {store.ErrOutside, OutsideFolder},
	{store.ErrDamaged, Damaged}, {stick.ErrChanged, Damaged},
	{stick.ErrNoStick, NoStick}, {stick.ErrNotFound, NotFound}, {stick.ErrHostile, BadStick}, {stick.ErrMalformed, BadManifest}, {stick.ErrBadSignature, BadManifest},
	{stick.ErrDamaged, StickDamaged}, {stick.ErrNoSpace, StickFull}, {stick.ErrFull, StickLimit}, {stick.ErrTooLarge, StickMax}, {stick.ErrBusy, StickBusy}, {stick.ErrReadOnly, StickReadOnly}, {ErrForWhom, ForWhom}, {ErrNotPrivate, NotPrivate},
	{catalog.ErrBadSignature, Forged}, {catalog.ErrMalformed, Forged},
	{catalog.ErrFrozen, Frozen}, {catalog.ErrFork, Frozen}, {p2p.ErrRefused, Refused}, {p2p.ErrNoProvider, NoProvider}, {p2p.ErrIncomplete, Incomplete}, {store.ErrIncomplete, Incomplete},
	{p2p.ErrUnreachable, Unreachable}, {p2p.ErrBlocked, Blocked}, {ErrAddress, BadAddress}, {ErrOtherMesh, OtherMesh},
	{rag.ErrEmptyQuestion, EmptyQuestion}, {rag.ErrQuestionTooLong, QuestionTooLong},
	{engine.ErrNoModel, NoModel}, {rag.ErrNoModel, NoModel}, {engine.ErrRemoteModel, RemoteModel}, {engine.ErrRemoteHost, RemoteModel}, {engine.ErrEngineDied, EngineDied}, {engine.ErrProbe, Unrunnable},
	{gguf.ErrNotGGUF, BadModel}, {gguf.ErrMalformed, BadModel}, {ErrNotModel, NotAModel}, {engine.ErrBadRecipe, BadCard}, {engine.ErrNotAdapter, NotAModel},
	{ErrCard, BadCard}, {ErrKind, Usage}, {p2p.ErrRate, Usage},
	{context.Canceled, Interrupted},
	{fs.ErrPermission, Unreadable}, {fs.ErrNotExist, Unreadable},
}

// ReasonOf classifies an error of any gesture and names the values that a
// sentence about it needs.
func ReasonOf(err error) (Reason, map[string]string) {
	var ambiguous *AmbiguousError
	var space *store.NoSpaceError
	var full *InboxFullError
	var declined *DeclinedError
	var base *engine.ErrWrongBase
	var word *p2p.WordError
	var stickSpace *stick.SpaceError
	var noKey *NoSealKeyError
	switch {
	case errors.As(err, &noKey):
		return NoSealKey, map[string]string{"node": firstOf(noKey.Who.Name, noKey.Who.ID)}
	case errors.As(err, &word):
		return BadWord, map[string]string{"word": word.Word, "near": word.Near, "at": strconv.Itoa(word.At)}
	case errors.As(err, &ambiguous):
		return Ambiguous, map[string]string{"ref": ambiguous.Ref, "choices": strings.Join(ambiguous.Choices, ", ")}
	case errors.As(err, &space):
		return NoSpace, map[string]string{"need": strconv.FormatInt(space.Need, 10), "have": strconv.FormatInt(space.Have, 10)}
	case errors.As(err, &stickSpace):
		args := map[string]string{"need": strconv.FormatInt(stickSpace.Need, 10), "have": strconv.FormatInt(stickSpace.Have, 10)}
		if errors.Is(err, stick.ErrTooLarge) {
			return StickMax, args
		}
		return StickFull, args
	case errors.As(err, &full):
		return InboxFull, map[string]string{"need": strconv.FormatInt(full.Need, 10), "have": strconv.FormatInt(full.Have, 10)}
	case errors.As(err, &declined):
		return Declined, map[string]string{"why": declined.Why}
	case errors.As(err, &base):
		var have []string
		for _, m := range base.Have {
			have = append(have, m.Name)
		}
		return WrongBase, map[string]string{"want": base.Want, "have": strings.Join(have, ", ")}
	}
	for _, c := range causes {
		if errors.Is(err, c.err) {
			return c.reason, nil
		}
	}
	return Internal, nil
}
