# program: Perl with children, sockets, select and signals
# run: perl family.pl
# needs: perl
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IPC::Open2;
use Digest::SHA qw(sha256_hex);

$| = 1;
sub check {
    my ($what, $got, $want) = @_;
    return if $got eq $want;
    print "bad: $what: $got instead of $want\n";
    exit 1;
}
my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die;
if (!(my $server = fork)) {
    my $select = IO::Select->new($listener);
    while (my @ready = $select->can_read) {
        for my $peer (@ready) {
            if ($peer == $listener) { $select->add($listener->accept); next }
            my $line = <$peer>;
            exit 0 if !defined $line;
            chomp $line;
            print $peer sha256_hex($line), "\n";
        }
    }
}
my $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $listener->sockport) or die;
close $listener;
my $pid = open2(my $from, my $to, 'bc', '-q') or die;
my ($n, @kept) = (0);
while (!-e 'finish') {
    print $client "line $n\n";
    chomp(my $answer = <$client>);
    check('server', $answer, sha256_hex("line $n"));
    print $to "$n ^ 3\n";
    chomp($answer = <$from>);
    check('bc', $answer, $n ** 3);
    my $status = system('sh', '-c', 'exit ' . $n % 50) >> 8;
    check('status', $status, $n % 50);
    push @kept, sha256_hex($n);
    check('kept', $kept[$n / 2], sha256_hex(int($n / 2)));
    select undef, undef, undef, 0.03;
    $n++;
    print "tick $n\n";
}
print "ok\n";
exit 3;
