package p2p

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	maxQuestions = 16
	maxAnswers   = 64
	answerTTL    = 120 // seconds; nobody of ours keeps answers
	txtString    = 255 // bytes, by RFC 1035
)

// vocabulary is how the nodes of one mesh speak on a link: DNS-SD questions for the service of the mesh, and answers whose
// TXT record is an invite without a key. In a closed mesh the service is named by a hash of its key, and the record is
// sealed with it: a listener learns that there are nodes, and not who they are.
type vocabulary struct {
	service  dnsmessage.Name // _savoirs._udp.local.
	instance dnsmessage.Name // random, below service
	seal     cipher.AEAD     // nil in an open mesh
}

func newVocabulary(k MeshKey) (vocabulary, error) {
	var v vocabulary
	tag := "_savoirs"
	if k.Closed() {
		tag = fmt.Sprintf("_savoirs-%x", k.prove("mdns", nil)[:6])
		block, err := aes.NewCipher(k.prove("mdns seal", nil))
		if err == nil {
			v.seal, err = cipher.NewGCMWithRandomNonce(block)
		}
		if err != nil {
			return v, fmt.Errorf("seal for the link: %w", err)
		}
	}
	service, err := dnsmessage.NewName(tag + "._udp.local.")
	if err != nil {
		return v, fmt.Errorf("name for the link: %w", err)
	}
	v.service = service
	v.instance, err = dnsmessage.NewName(strings.ToLower(rand.Text()) + "." + service.String())
	return v, err
}

func (v vocabulary) question() []byte {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{})
	must(b.StartQuestions())
	must(b.Question(dnsmessage.Question{Name: v.service, Type: dnsmessage.TypePTR, Class: dnsmessage.ClassINET}))
	return done(b)
}

func (v vocabulary) answer(i Invite) []byte {
	data := i.bytes(maxInviteAddrs)
	if v.seal != nil {
		data = v.seal.Seal(nil, nil, data, []byte(v.service.String()))
	}
	var txt []string
	for ; len(data) > txtString; data = data[txtString:] {
		txt = append(txt, string(data[:txtString]))
	}
	txt = append(txt, string(data))
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{Response: true, Authoritative: true})
	b.EnableCompression()
	must(b.StartAnswers())
	head := dnsmessage.ResourceHeader{Name: v.service, Class: dnsmessage.ClassINET, TTL: answerTTL}
	must(b.PTRResource(head, dnsmessage.PTRResource{PTR: v.instance}))
	head.Name = v.instance
	must(b.TXTResource(head, dnsmessage.TXTResource{TXT: txt}))
	return done(b)
}

// must and done are for messages whose every size is known.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func done(b dnsmessage.Builder) []byte {
	msg, err := b.Finish()
	must(err)
	return msg
}

// hear tells whether packet asks for our service, and gives the invites in it that are well formed. They prove nothing: who
// is there shows when it is dialled.
func (v vocabulary) hear(packet []byte) (question bool, invites []Invite) {
	var p dnsmessage.Parser
	head, err := p.Start(packet)
	if err != nil {
		return false, nil
	}
	for range maxQuestions {
		q, err := p.Question()
		if err != nil {
			break
		}
		if q.Type == dnsmessage.TypePTR && v.is(q.Name) {
			question = !head.Response
		}
	}
	if p.SkipAllQuestions() != nil || !head.Response {
		return question, nil
	}
	for range maxAnswers {
		h, err := p.AnswerHeader()
		if err != nil {
			break
		}
		if h.Type != dnsmessage.TypeTXT || !strings.HasSuffix(strings.ToLower(h.Name.String()), "."+v.service.String()) {
			if p.SkipAnswer() != nil {
				break
			}
			continue
		}
		r, err := p.TXTResource()
		if err != nil {
			break
		}
		if i, err := v.open(strings.Join(r.TXT, "")); err == nil {
			invites = append(invites, i)
		}
	}
	return question, invites
}

func (v vocabulary) is(n dnsmessage.Name) bool {
	return strings.EqualFold(n.String(), v.service.String())
}

func (v vocabulary) open(txt string) (Invite, error) {
	data := []byte(txt)
	if v.seal != nil {
		var err error
		if data, err = v.seal.Open(nil, nil, data, []byte(v.service.String())); err != nil {
			return Invite{}, err
		}
	}
	return parseInviteBytes(data)
}
