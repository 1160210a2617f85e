-- program: Haskell: the threaded runtime, its timer, STM, a child process
-- run: sh -c ghc -v0 -O0 -threaded -rtsopts -o functional functional.hs && exec ./functional +RTS -N2
-- needs: ghc
import Control.Concurrent
import Control.Concurrent.STM hiding (check)
import Control.Monad
import System.Directory
import System.Exit
import System.IO
import System.Process
import System.Timeout

check :: String -> Bool -> IO ()
check what good = unless good $ putStrLn ("bad: " ++ what) >> exitWith (ExitFailure 1)

work :: Int -> Int
work n = foldl (\a i -> (a * 31 + i) `mod` 1000003) n [1 .. 2000]

main :: IO ()
main = do
  hSetBuffering stdout LineBuffering
  asked <- newTQueueIO
  answered <- newTQueueIO
  forM_ [1 .. 4 :: Int] $ \_ -> forkIO $ forever $ do
    n <- atomically $ readTQueue asked
    let r = work n
    r `seq` atomically (writeTQueue answered (n, r))
  ticks <- newTVarIO (0 :: Int)
  _ <- forkIO $ forever $ threadDelay 5000 >> atomically (modifyTVar' ticks (+ 1))
  (Just toCat, Just fromCat, _, _) <- createProcess (proc "cat" []) { std_in = CreatePipe, std_out = CreatePipe }
  hSetBuffering toCat LineBuffering
  let loop n = do
        done <- doesFileExist "finish"
        unless done $ do
          forM_ [0 .. 15] $ \i -> atomically $ writeTQueue asked (n * 16 + i)
          replicateM_ 16 $ atomically (readTQueue answered) >>= \(a, r) -> check "worker" (r == work a)
          hPutStrLn toCat (show n)
          line <- hGetLine fromCat
          check "child" (line == show n)
          before <- readTVarIO ticks
          passed <- timeout 20000000 $ atomically $ readTVar ticks >>= \t -> when (t <= before) retry
          check "timer" (passed == Just ())
          putStrLn ("tick " ++ show (n + 1))
          threadDelay 20000
          loop (n + 1)
  loop (0 :: Int)
  putStrLn "ok"
  exitWith (ExitFailure 3)
