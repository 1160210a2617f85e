# program: ssh-agent, and what it signs
# writes: yes
# needs: ssh-agent
# account: root
# remark: set-group-id on Debian: not allowed to be read for a plain user
. ./frame.sh
ssh-agent -D -a "$PWD/agent" >agent.log &
background=$!
export SSH_AUTH_SOCK=$PWD/agent
await test -S agent
ssh-keygen -q -t ed25519 -N '' -f key
ssh-add -q key
mv key hidden
echo "me $(cat key.pub)" >signers
while going; do
  echo "text $n" >text
  ssh-keygen -q -Y sign -f key.pub -n it text 2>/dev/null || bad "not signed"
  ssh-keygen -q -Y verify -f signers -I me -n it -s text.sig <text >said || bad "not verified"
  rm text.sig
  sleep 0.03
  tick
done
done_well
