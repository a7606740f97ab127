// Package pairing finds the Socket at the other end of the HA cable before
// either end trusts the other, so that a person can compare the two keys.
//
// It trusts nobody and stores nothing. The beacon says which keys are on the
// cable; that is hearsay. If there is exactly one, the transport is asked for a
// connection with whoever proves to hold that key, under the same rules as ever:
// bound to the HA interface, hop limit 255, mutual certificates. So what a
// [Peer] shows is proven (its key, and the S/N that key signed for) or marked as
// merely stated (the model). Whether that key is the right one, only somebody
// who sees both Sockets can say: pin it after they said so, never before.
//
// What crosses the connection are the facts of both Sockets (peer/wire), until
// both have them. It is kept open afterwards, for a peer whose person had to
// begin again, and closed by [Meeting.Close].
//
// A second key on the cable, ours from elsewhere, or a peer with our S/N ends
// the meeting at any moment before that: then nobody can tell who is who.
//
// It works beside an agent of the same Socket as long as that one waits for its
// first pin: such an agent has no socket open. One that has somebody to trust
// holds the port of the link.
package pairing
