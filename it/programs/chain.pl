# A chain of sums over a hash and strings; every line depends on all before.
use strict;
use warnings;

$| = 1;
my %table = map { $_ => "value $_" } 1 .. 1000;
my $sum = 1;
for my $n (0 .. $ARGV[0] - 1) {
    for my $key (sort { $a <=> $b } keys %table) {
        $sum = ($sum * 31 + length($table{$key}) + $key) % 1000000007;
    }
    $table{ $n % 1000 + 1 } .= substr($sum, 0, 2);
    print "$n $sum\n";
    select(undef, undef, undef, 0.02);
}
